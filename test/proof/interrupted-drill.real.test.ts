import { mkdir, readdir, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { statusOf } from '../../src/clients/process/status.ts';
import { waitFor } from '../../src/core/wait.ts';
import { diffTopology, type KafkaTopology, topologyOf } from '../../src/drills/kafka/topology.ts';
import type { Entry } from '../../src/record/envelope.ts';
import { readRecord } from '../../src/record/open.ts';
import { pendingUndo } from '../../src/steps/journal-kinds.ts';
import { expectExit, ProofSandbox } from '../support/sandbox.ts';
import { type CliResult, documentOf, type ErrorDocument, type RunningCli } from '../support/sandbox-cli.ts';
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

const drillArgs = (drill: string, baselineS = 1): string[] => [
  ...['drill', 'run', drill, '--yes', '--baseline', String(baselineS), '--rate', '60', '--output', 'json'],
];

async function drill(args: readonly string[]): Promise<Begun> {
  const known = await runIds(sandbox);
  const child = sandbox.start(args);
  return { child, run: await nextRun(sandbox, known) };
}

async function drillUntil(said: Said): Promise<Begun> {
  const { child, run } = await drill(drillArgs('kafka-broker-loss'));
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
  expect.stringMatching(/^hold the topology of 3 brokers and 12[0156] partitions$/),
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

describe('a drill beside another one', () => {
  test('is refused with the name of the first, which a stop then ends: everything is back, its record says by whom', async () => {
    const { child, run } = await drill(drillArgs('kafka-broker-loss', 16));
    const entries = async (): Promise<readonly Entry[]> => (await readRecord(run.journal)).entries;
    await waitFor(async () => (await entries()).some(({ kind }) => kind === 'load.started'), {
      ...{ what: 'the load of the first', timeoutMs: 60_000 },
    });
    // As on another machine: it knows nothing of the first but what the cluster says.
    const elsewhere = join(sandbox.folder, 'elsewhere');
    const second = sandbox.json<ErrorDocument>(
      [...drillArgs('projector-loss'), '--state-dir', elsewhere, '--config', sandbox.configFile],
      15,
    );
    await Promise.race([untilKill(run, 'step.verified'), endedTooSoon(child)]);
    await sandbox.json(['drill', 'stop', '--reason', 'incident 4711'], 0);
    const stopped = await child.ended;
    const none = await sandbox.json<ErrorDocument>(drillArgs('kafka-broker-loss'), 15);
    await sandbox.json(['drill', 'allow', '--yes'], 0);
    expect(none).toMatchObject({ code: 'UPL-PREFLIGHT-REFUSED', next: 'uplift drill allow' });
    const refused = await second;
    expect(refused).toMatchObject({
      code: 'UPL-LOCK-TAKEN',
      message: expect.stringContaining(`drill kafka-broker-loss (run ${run.runId}) by `),
    });
    const [other = ''] = await readdir(join(elsewhere, 'runs'));
    const left = (await readRecord(join(elsewhere, 'runs', other, 'journal.ndjson'))).entries;
    expect(left.map(({ kind }) => kind)).not.toContain('step.intent');
    expect(left.at(-1)).toMatchObject({ kind: 'drill.ended', body: { execution: 'aborted' } });

    await expectRestored();
    const ended = await sealedEntries(run);
    const why = expect.stringMatching(/^drills are stopped by .+: incident 4711$/);
    expect(ended.find(({ kind }) => kind === 'drill.observed')?.body).toMatchObject({ aborted: { why } });
    expect(ended.at(-1)).toMatchObject({ kind: 'drill.ended', body: { execution: 'aborted', exit: 12 } });
    expect(documentOf(stopped)).toMatchObject({ result: { execution: 'aborted', restored: 'restored' } });
  }, 300_000);
});

describe('a restore that cannot work', () => {
  test('exits 16 and says what to do; once the cause is mended recover brings it back', async () => {
    const projector = (await sandbox.units('service')).find(({ id }) => id.startsWith('projector'));
    if (projector === undefined) throw new Error('no projector');
    // What runs keeps its log open; nothing starts that cannot open one.
    await rename(projector.logFile, `${projector.logFile}.kept`);
    await mkdir(projector.logFile);
    const { child, run } = await drill(drillArgs('projector-loss'));
    const result = await child.ended;
    expectExit(result, 16);
    const notRestored = documentOf<ErrorDocument>(result);
    expect(notRestored).toMatchObject({
      code: 'UPL-NOT-RESTORED',
      message: expect.stringMatching(/^NOT RESTORED: SIGKILL projector-\d+: .*EISDIR/),
      next: `uplift drill recover ${run.runId}`,
    });
    expect((await readRecord(run.journal)).status).toBe('unsealed');
    expect((await statusOf(projector)).state).toBe('exited');
    const again = await sandbox.json<Recovered>(['drill', 'recover', run.runId], 16);
    expect(again.runs).toMatchObject([
      { undone: [], sealed: false, failed: [expect.stringContaining('EISDIR')] },
    ]);

    await rmdir(projector.logFile);
    await rename(`${projector.logFile}.kept`, projector.logFile);
    const { runs } = await sandbox.json<Recovered>(['drill', 'recover', run.runId], 0);
    expect(runs).toMatchObject([
      { failed: [], sealed: true, undone: [expect.stringContaining('SIGKILL projector')] },
    ]);
    expect((await statusOf(projector)).state).toBe('running');
    await sandbox.serviceReady();
  }, 300_000);
});
