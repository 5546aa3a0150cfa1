import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { statusOf } from '../../src/clients/process/status.ts';
import type { DrillResult } from '../../src/drills/engine/result.ts';
import { diffTopology, type KafkaTopology, topologyOf } from '../../src/drills/kafka/topology.ts';
import { readRecord } from '../../src/record/open.ts';
import { pendingUndo } from '../../src/steps/journal-kinds.ts';
import { expectExit, ProofSandbox } from '../support/sandbox.ts';
import { documentOf } from '../support/sandbox-cli.ts';
import { killWithWatchdog, nextRun, runIds, untilKill } from '../support/sandbox-runs.ts';

// Drills through commands of one's own: a script that knows nothing of uplift kills and starts the servers.

const SCRIPT = fileURLToPath(new URL('./exec-server.mjs', import.meta.url));
const LOAD = ['--baseline', '5', '--rate', '100'];
/** Of one command, on a busy machine. */
const RUN_MS = 240_000;
const LITTLE = ['--baseline', '2', '--rate', '50'];

let sandbox: ProofSandbox;
let config: string;
let before: KafkaTopology;

beforeAll(async () => {
  sandbox = await ProofSandbox.start();
  const command = (verb: string) => ({ argv: [process.execPath, SCRIPT, sandbox.unitsDir, verb, '{id}'] });
  const own = parse(await readFile(sandbox.configFile, 'utf8'));
  own.regions[0].actuator = {
    kind: 'exec',
    brokers: { state: command('state'), kill: { ...command('kill'), undo: command('start') } },
    postgres: { state: command('state'), kill: { ...command('reboot'), undo: 'byItself' } },
  };
  // Beside the sandbox's: what it names is named from there.
  config = join(sandbox.dir, 'exec.yaml');
  await writeFile(config, stringify(own));
});
beforeEach(async () => {
  before = await topology();
});
afterAll(async () => {
  await rm(config, { force: true });
  await sandbox?.down();
});

const topology = (): Promise<KafkaTopology> =>
  sandbox.withCluster(async (cluster) => topologyOf(await cluster.describe({ timeoutMs: 5000 })));

const withConfig = (...args: string[]): string[] => [...args, '--config', config];

async function expectRestored(): Promise<void> {
  expect(diffTopology(before, await topology())).toEqual([]);
  const units = [...(await sandbox.units('kafka')), ...(await sandbox.units('postgres'))];
  const states = await Promise.all(units.map(statusOf));
  expect(states.map(({ state }) => state)).toEqual(states.map(() => 'running'));
}

interface RunDocument {
  readonly result: DrillResult;
  readonly record: { readonly path: string };
}

describe('the loss of a broker, by commands of uplift.yaml', () => {
  test('is held and restored; the record names what was acted on, and no command', async () => {
    const run = withConfig('drill', 'run', 'kafka-broker-loss', '--yes', ...LOAD);
    const { result, record } = await sandbox.json<RunDocument>(run, 0, RUN_MS);
    expect(result).toMatchObject({ hypothesis: 'held', restored: 'restored', topologyDiff: [] });
    expect(result.judgement.lost).toEqual([]);
    expect(result.recovery.detectMs).toBeGreaterThan(500);
    await expectRestored();
    const { status, entries } = await readRecord(record.path);
    expect(status).toBe('sealed');
    const begun = JSON.stringify(entries.filter(({ kind }) => kind === 'step.intent'));
    expect(begun).toMatch(/"units":"exec:[a-z0-9-]+"/);
    expect(begun).toMatch(/the kill command on broker \d/);
    expect(await readFile(record.path, 'utf8')).not.toContain('exec-server.mjs');
  }, 300_000);

  test('of a run that is killed with its watchdog right after it: other commands put nothing back, these do', async () => {
    const known = await runIds(sandbox);
    const child = sandbox.start(withConfig('drill', 'run', 'kafka-broker-loss', '--yes', ...LOAD), RUN_MS);
    const seen = await nextRun(sandbox, known);
    await untilKill(seen, 'step.done');
    await killWithWatchdog(seen, child);

    // The sandbox's own uplift.yaml acts on unit files: that is not what this run acted through.
    const other = ['drill', 'recover', seen.runId, '--output', 'json'];
    const refused = await sandbox.run([...other, '--config', sandbox.configFile]);
    expectExit(refused, 16);
    expect(JSON.stringify(documentOf(refused))).toContain('it was begun through commands of uplift.yaml');
    expect((await readRecord(seen.journal)).status).not.toBe('sealed');

    const recovered = await sandbox.run([...other, '--config', config]);
    expectExit(recovered, 0);
    expect(documentOf(recovered)).toMatchObject({ runs: [{ runId: seen.runId, failed: [], sealed: true }] });
    await expectRestored();
    expect(pendingUndo((await readRecord(seen.journal)).entries)).toEqual([]);
  }, 300_000);
});

describe('the loss of a Postgres primary that comes back by itself', () => {
  test('is held and restored: another life answers, the probe writes again, and nothing is lost', async () => {
    const run = withConfig('drill', 'run', 'postgres-primary-loss', '--yes', ...LITTLE);
    const { result, record } = await sandbox.json<RunDocument>(run, 0, RUN_MS);
    expect(result).toMatchObject({ hypothesis: 'held', restored: 'restored', topologyDiff: [] });
    expect(result.judgement.lost).toEqual([]);
    expect(result.probe).toMatchObject({ lost: [], unread: [], places: 3 });
    expect(result.probe?.struck.silentMs).toBeGreaterThan(2000);
    expect(result.recovery).toMatchObject({ detectMs: null });
    expect(result.recovery.electMs).toBeGreaterThan(2000);
    expect(result.recovery.reconnectMs).not.toBeNull();
    await expectRestored();
    expect((await readRecord(record.path)).status).toBe('sealed');
  }, 300_000);

  test('a planned switch is refused, and says why', async () => {
    const plan = withConfig('drill', 'plan', 'postgres-switchover', '--output', 'json');
    const refused = await sandbox.run(plan);
    expectExit(refused, 15);
    expect(refused.stdout + refused.stderr).toContain('from unit files only');
  }, 120_000);
});
