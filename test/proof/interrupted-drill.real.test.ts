import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { statusOf } from '../../src/clients/process/status.ts';
import { diffTopology, type KafkaTopology, topologyOf } from '../../src/drills/kafka/topology.ts';
import type { Entry } from '../../src/record/envelope.ts';
import { readRecord } from '../../src/record/open.ts';
import { pendingUndo } from '../../src/steps/journal-kinds.ts';
import { expectExit, ProofSandbox } from '../support/sandbox.ts';
import type { CliResult, ErrorDocument, RunningCli } from '../support/sandbox-cli.ts';
import { killSays, nextRun, runIds, type Said, type SeenRun, untilKill } from '../support/sandbox-runs.ts';

let sandbox: ProofSandbox;
let before: KafkaTopology;

beforeAll(async () => {
  sandbox = await ProofSandbox.start();
});
beforeEach(async () => {
  before = await topologyNow();
  expect(await brokersRunning()).toBe(3);
});
afterAll(() => sandbox?.down());

/** As the test's own client sees it, not as a drill says. */
function topologyNow(): Promise<KafkaTopology> {
  return sandbox.withCluster(async (cluster) => topologyOf(await cluster.describe({ timeoutMs: 10_000 })));
}

async function brokersRunning(): Promise<number> {
  const states = await Promise.all((await sandbox.units('kafka')).map(statusOf));
  return states.filter(({ state }) => state === 'running').length;
}

async function expectRestored(): Promise<void> {
  expect(diffTopology(before, await topologyNow())).toEqual([]);
  expect(await brokersRunning()).toBe(3);
}

interface Begun {
  readonly child: RunningCli;
  readonly run: SeenRun;
}

async function drillUntil(said: Said): Promise<Begun> {
  const known = await runIds(sandbox);
  const args = [
    'drill',
    'run',
    'kafka-broker-loss',
    '--yes',
    '--baseline',
    '1',
    '--rate',
    '60',
    '--output',
    'json',
  ];
  const child = sandbox.start(args);
  const run = await nextRun(sandbox, known);
  await Promise.race([untilKill(run, said), endedTooSoon(child)]);
  return { child, run };
}

async function endedTooSoon({ ended }: RunningCli): Promise<never> {
  const { exit, stdout, stderr } = await ended;
  throw new Error(`the drill ended before it was interrupted: exit ${exit}\n${stdout}\n${stderr}`);
}

async function killed({ child }: Begun): Promise<CliResult> {
  child.kill('SIGKILL');
  const result = await child.ended;
  expect(result.signal).toBe('SIGKILL');
  return result;
}

interface Recovered {
  readonly runs: readonly {
    readonly runId: string;
    readonly undone: readonly string[];
    readonly failed: readonly string[];
    readonly sealed: boolean;
  }[];
}

const UNDONE = [
  expect.stringMatching(/^SIGKILL broker [123]$/),
  // The topics of the platform, and by then perhaps the lock, the groups' commits and the topic of the store probe.
  expect.stringMatching(/^hold the topology of 3 brokers and (12[0156]|14[459]|150) partitions$/),
];

async function recover(run: SeenRun): Promise<void> {
  const { runs } = await sandbox.json<Recovered>(['drill', 'recover'], 0);
  expect(runs).toEqual([{ runId: run.runId, undone: UNDONE, failed: [], sealed: true }]);
  await expectRestored();
}

async function sealedEntries(run: SeenRun): Promise<readonly Entry[]> {
  const record = await readRecord(run.journal);
  expect(record.problems).toEqual([]);
  expect(record.status).toBe('sealed');
  expect(pendingUndo(record.entries)).toEqual([]);
  return record.entries;
}

describe('a drill that is killed', () => {
  test('right after the fault: another is refused, recover puts everything back and seals, once', async () => {
    const begun = await drillUntil('step.done');
    await killed(begun);
    const { run } = begun;
    expect((await readRecord(run.journal)).status).toBe('unsealed');
    expect(await brokersRunning()).toBe(2);

    const refused = await sandbox.json<ErrorDocument>(['drill', 'run', 'kafka-broker-loss', '--yes'], 15);
    expect(refused).toMatchObject({
      code: 'UPL-DRILL-UNFINISHED',
      next: `uplift drill recover ${run.runId}`,
    });
    expect(refused.message).toContain(run.runId);
    expect(await brokersRunning()).toBe(2);

    await recover(run);
    const entries = await sealedEntries(run);
    expect(entries.at(-1)).toMatchObject({
      kind: 'drill.ended',
      actor: expect.stringMatching(/^drill\.recover pid /),
      body: { execution: 'interrupted', recovered: true },
    });
    expect(killSays(entries, 'step.undone')).toBe(true);

    const again = await sandbox.json<Recovered>(['drill', 'recover'], 0);
    expect(again.runs).toEqual([]);
    const byName = await sandbox.json<Recovered>(['drill', 'recover', run.runId], 0);
    expect(byName.runs).toEqual([{ runId: run.runId, undone: [], failed: [], sealed: true }]);
    await expectRestored();
  }, 300_000);

  test('between the intent of the fault and its end: recover undoes what may or may not have happened', async () => {
    // The moment is some 60 ms long. A kill that comes too late is put right as well, and does not count.
    for (let attempt = 1; ; attempt += 1) {
      const begun = await drillUntil('step.intent');
      await killed(begun);
      const left = (await readRecord(begun.run.journal)).entries;
      expect(killSays(left, 'step.intent')).toBe(true);
      await recover(begun.run);
      await sealedEntries(begun.run);
      if (!killSays(left, 'step.done')) return;
      expect(attempt).toBeLessThan(3);
    }
  }, 300_000);
});

describe('a drill that is interrupted by Ctrl-C while it observes', () => {
  test('puts everything back, seals its record as interrupted and exits 130', async () => {
    const { child, run } = await drillUntil('step.verified');
    child.kill('SIGINT');
    expectExit(await child.ended, 130);
    await expectRestored();
    const entries = await sealedEntries(run);
    expect(entries.at(-1)).toMatchObject({
      kind: 'drill.ended',
      actor: expect.stringMatching(/^drill\.run pid /),
      body: { execution: 'interrupted' },
    });
    const again = await sandbox.json<Recovered>(['drill', 'recover'], 0);
    expect(again.runs).toEqual([]);
  }, 300_000);
});
