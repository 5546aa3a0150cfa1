import { mkdir, readdir, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { procEntry } from '../../src/clients/process/proc-table.ts';
import { statusOf } from '../../src/clients/process/status.ts';
import { reasonOf } from '../../src/core/error.ts';
import { waitFor } from '../../src/core/wait.ts';
import { diffTopology, type KafkaTopology, topologyOf } from '../../src/drills/kafka/topology.ts';
import type { Entry } from '../../src/record/envelope.ts';
import { readRecord } from '../../src/record/open.ts';
import { pendingUndo } from '../../src/steps/journal-kinds.ts';
import { startAtTerminal } from '../support/pty.ts';
import { expectExit, ProofSandbox } from '../support/sandbox.ts';
import { documentOf, type ErrorDocument, type RunningCli } from '../support/sandbox-cli.ts';
import {
  killSays,
  killWithWatchdog,
  nextRun,
  runIds,
  type Said,
  type SeenRun,
  untilKill,
  watchdogGone,
  watchdogOf,
} from '../support/sandbox-runs.ts';
import { root } from '../support/source-tree.ts';

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

/** The record is whole, and the last line before its seal was written by this one: interrupted. */
async function expectEnded(run: SeenRun, by: string): Promise<Entry | undefined> {
  const ended = (await sealedEntries(run)).at(-1);
  expect(ended).toMatchObject({
    kind: 'drill.ended',
    actor: expect.stringMatching(new RegExp(`^${by} pid \\d+$`)),
    body: { execution: 'interrupted' },
  });
  return ended;
}

async function untilSaid(run: SeenRun, said: string): Promise<void> {
  const seen = async (): Promise<boolean> =>
    (await readRecord(run.journal)).entries.some(({ kind }) => kind === said);
  await waitFor(seen, { what: `${said} of ${run.runId}`, timeoutMs: 30_000, intervalMs: 20 });
}

/** The process that its first line names lives no more. */
async function runGone(run: SeenRun): Promise<void> {
  const [first] = (await readRecord(run.journal)).entries;
  const pid = Number(first?.actor.split(' ').at(-1));
  const gone = async (): Promise<boolean> => (await procEntry(pid)) === undefined;
  await waitFor(gone, { what: `the run's process ${pid} gone`, timeoutMs: 10_000 });
}

describe('a drill whose host dies', () => {
  test('right after the fault: another is refused, recover puts everything back and seals, once', async () => {
    const begun = await drillUntil('step.done');
    await killWithWatchdog(begun.run, begun.child);
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
      await killWithWatchdog(begun.run, begun.child);
      const left = (await readRecord(begun.run.journal)).entries;
      expect(killSays(left, 'step.intent')).toBe(true);
      await recover(begun.run);
      await sealedEntries(begun.run);
      if (!killSays(left, 'step.done')) return;
      expect(attempt).toBeLessThan(3);
    }
  }, 300_000);
});

describe('a drill that is asked to stop while it observes', () => {
  test('twice by Ctrl-C puts everything back, says where the end of it stands, seals its record and exits 130', async () => {
    const { child, run } = await drillUntil('step.verified');
    const watchdog = await watchdogOf(run);
    child.kill('SIGINT');
    await untilSaid(run, 'step.undoIntent');
    child.kill('SIGINT');
    const result = await child.ended;
    expectExit(result, 130);
    expect(result.stderr).toContain(`uplift drill show ${run.runId}`);
    await expectRestored();
    await expectEnded(run, 'drill.run');
    expect(await procEntry(watchdog)).toBeUndefined();
    const again = await sandbox.json<Recovered>(['drill', 'recover'], 0);
    expect(again.runs).toEqual([]);
  }, 300_000);

  test('by a closed terminal puts everything back and seals its record', async () => {
    const known = await runIds(sandbox);
    const env = { UPLIFT_STATE_DIR: sandbox.stateDir };
    const command = [process.execPath, join(root, 'bin', 'uplift.js'), ...drillArgs('kafka-broker-loss')];
    const terminal = startAtTerminal(command, { cwd: sandbox.workDir, env, timeoutMs: 200_000 });
    const run = await nextRun(sandbox, known);
    await untilKill(run, 'step.verified').catch((error: unknown) => {
      throw new Error(`${reasonOf(error)}\n${terminal.screen.written}`);
    });
    const watchdog = await watchdogOf(run);
    terminal.hangUp();
    await watchdogGone(watchdog);
    await expectRestored();
    await expectEnded(run, 'drill.run');
    await runGone(run);
  }, 300_000);
});

describe('a drill whose process alone', () => {
  test.each([
    ['is killed', 'SIGKILL', 'died'],
    ['is stopped for good', 'SIGSTOP', 'hung'],
  ] as const)(
    '%s is put back and sealed by its watchdog, with nothing typed',
    async (_, signal, why) => {
      const { child, run } = await drillUntil('step.done');
      const watchdog = await watchdogOf(run);
      expect(await brokersRunning()).toBe(2);
      child.kill(signal);
      await watchdogGone(watchdog);
      expect((await child.ended).signal).toBe('SIGKILL');
      await expectRestored();
      const ended = await expectEnded(run, 'drill.watchdog');
      expect(ended?.body).toMatchObject({
        recovered: true,
        undone: UNDONE,
        reason: expect.stringContaining(why),
      });
      await runGone(run);
      await sandbox.json(['drill', 'verify', run.runId], 0);
      const again = await sandbox.json<Recovered>(['drill', 'recover', run.runId], 0);
      expect(again.runs).toEqual([{ runId: run.runId, undone: [], failed: [], sealed: true }]);
    },
    300_000,
  );
});

describe('a drill beside another one', () => {
  test('is refused with the name of the first, which a stop then ends: everything is back, its record says by whom', async () => {
    const { child, run } = await drill(drillArgs('kafka-broker-loss', 16));
    const entries = async (): Promise<readonly Entry[]> => (await readRecord(run.journal)).entries;
    await waitFor(async () => (await entries()).some(({ kind }) => kind === 'load.started'), {
      ...{ what: 'the load of the first', timeoutMs: 60_000 },
    });
    // As on another machine: it knows nothing of the first but what the cluster says. The flag is for a lock whose state
    // nobody knows, not for one that is held.
    const elsewhere = join(sandbox.folder, 'elsewhere');
    const second = sandbox.json<ErrorDocument>(
      [
        ...drillArgs('projector-loss'),
        '--allow-no-lock',
        '--state-dir',
        elsewhere,
        '--config',
        sandbox.configFile,
      ],
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
