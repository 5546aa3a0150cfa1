import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { waitFor } from '../../core/wait.ts';
import type { Load } from '../../load/generator.ts';
import type { Second } from '../../load/timeline.ts';
import type { Journal } from '../../record/journal.ts';
import { openJournal, readRecord } from '../../record/open.ts';
import { intentBody, STEP } from '../../steps/journal-kinds.ts';
import { stepOf } from '../../steps/kind.ts';
import { endDrill } from '../record/seal.ts';
import { type RunFolder, runFolder } from '../run-folder.ts';
import { killProjectorStep, startProcessStep } from '../steps/service/index.ts';
import type { Drill, DrillOptions, DrillPorts, Prepared } from './drill.ts';
import { refusedWhileStopped } from './refuse.ts';
import { guardedBy, runDrill, strikeAndPutBack } from './run.ts';
import { type StopWatch, watchStop } from './stop-watch.ts';

const ARGS = { units: '/units', id: 'projector-1' };
const BASELINE = { seconds: 10, okPerS: 100, p99Ms: 40, worstP99Ms: 60, errorRate: 0 };
const { signal } = new AbortController();

let dir = '';
let folder: RunFolder;
let journal: Journal;
const process = { running: true, start: async (): Promise<void> => undefined };
const seen = { second: undefined as string | undefined };
/** Why drills are stopped. */
const stop = { why: undefined as string | undefined };
let watch: StopWatch;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'uplift-run-'));
  folder = runFolder(dir, 'run-1');
  await mkdir(folder.dir, { recursive: true });
  journal = await openJournal(folder.journal, { runId: 'run-1', actor: 'test', clock: systemClock });
  process.running = true;
  process.start = async () => {
    process.running = true;
  };
  seen.second = undefined;
  stop.why = undefined;
  watch = watchStop(async () => stop.why, refusedWhileStopped, 1);
});
afterEach(async () => {
  await watch.close();
  await journal.close();
  await rm(dir, { recursive: true, force: true });
});

/** Well in every second of an hour. */
function wellLoad(): Load {
  const none = { fail: 0, info: 0, firstAckUs: null, lastAckUs: null, firstFailureUs: null };
  const timeline = [0, 1, 2, 3, 4].map(
    (second): Second => ({ second, ok: 100, p50Ms: 10, p99Ms: 20, ...none }),
  );
  const acks = { count: 0, atUs: () => 0, partition: () => 0 };
  return { timeline: () => timeline, atUs: () => 0, acks, ended: new Promise(() => {}) } as unknown as Load;
}

/** What a run goes through, where it is not well all the time. */
interface Change {
  readonly load?: Partial<Load>;
  readonly prepared?: Partial<Prepared>;
  readonly maxFaultMs?: number;
}

/** Kills and starts a projector that is only a flag. `append`: what the journal does instead of writing. */
function run(append: (kind: string) => Promise<void> = async () => undefined, change: Change = {}) {
  const alive = async (): Promise<boolean> => process.running;
  const kill = async (): Promise<void> => {
    process.running = false;
  };
  const service = { kill, start: () => process.start(), running: alive, ready: alive };
  const caughtUp = { seen: true, atMs: 0, value: { behindRecords: 0, caughtUpInMs: 1 } };
  const context = {
    monoNs: () => systemClock.monoNs(),
    serviceOf: () => service,
    projection: async () => caughtUp,
  };
  const ports = {
    ...{ clock: systemClock, context, signal, progress: () => undefined },
    journal: {
      append: async (kind: string, body: never) => {
        await append(kind);
        return journal.append(kind, body);
      },
    },
  } as unknown as DrillPorts;
  const moments = { detectedNs: null, electedNs: null };
  const prepared = {
    steps: [killProjectorStep, startProcessStep, startProcessStep].map((kind) => stepOf(kind, ARGS)),
    ...{ faultAt: 0, fault: 'SIGKILL projector-1', held: () => true, stop: watch },
    moved: async () => undefined,
    watch: () => ({ moments: () => moments, stop: async () => undefined }),
    secondFailure: async () => seen.second,
    ...change.prepared,
  } as unknown as Prepared & { readonly held: () => boolean };
  const { maxFaultMs = 5000 } = change;
  const limits = { maxFaultMs, maxDurationMs: 5000, maxShare: 1, abortErrorRate: 0.5, abortAfterS: 5 };
  const options = { runId: 'run-1', folder, recoveryTargetMs: 5000, limits } as unknown as DrillOptions;
  const load = { ...wellLoad(), ...change.load };
  return strikeAndPutBack(ports, options, { prepared, load, baseline: BASELINE });
}

const end = () => endDrill({ journal, folder, ended: { execution: 'errored' }, key: { unsigned: 'a test' } });

describe('from the fault to the end of the restore', () => {
  it('everything that was begun is undone, and the record can be sealed', async () => {
    const { times } = await run();
    expect(times.aborted).toBeUndefined();
    expect(process.running).toBe(true);
    await end();
    const { status, entries } = await readRecord(folder.journal);
    expect(status).toBe('sealed');
    expect(entries.filter(({ kind }) => kind === STEP.undone)).toHaveLength(1);
  });

  it('a journal that cannot be read back is NOT RESTORED, with both errors, and its record is not sealed', async () => {
    const broken = run(async (kind) => {
      if (kind !== 'drill.observed') return;
      await rm(folder.journal);
      throw new Error('no room');
    });
    await expect(broken).rejects.toMatchObject({
      code: 'UPL-NOT-RESTORED',
      exit: 16,
      next: 'uplift drill recover run-1',
      message: expect.stringMatching(/cannot be read.*before that: .*no room/s),
    });
    await expect(end()).rejects.toMatchObject({ code: 'UPL-INPUT-INVALID' });
  });

  it('a record with something to undo is not sealed, whatever ended the run', async () => {
    process.start = () => Promise.reject(new Error('no start'));
    await expect(run()).rejects.toMatchObject({ code: 'UPL-NOT-RESTORED' });
    await expect(end()).rejects.toMatchObject({ code: 'UPL-NOT-RESTORED' });
    expect((await readRecord(folder.journal)).status).toBe('unsealed');
  });

  it('what went wrong after the observation is thrown once everything is back', async () => {
    const observed = run(async (kind) => {
      if (kind === 'drill.observed') throw new Error('no room');
    });
    await expect(observed).rejects.toThrow('no room');
    expect(process.running).toBe(true);
  });

  it('a second failure during the steps ends them: a result, after the restore', async () => {
    seen.second = 'projector-2 is gone as well';
    const { start } = process;
    let starts = 0;
    // The step that would end the outage hangs; only the restore starts the process.
    process.start = () => {
      starts += 1;
      return starts === 1 ? new Promise((resolve) => setTimeout(resolve, 600)) : start();
    };
    const { times } = await run();
    expect(times.aborted).toEqual({ why: 'projector-2 is gone as well', deviated: false });
    expect(process.running).toBe(true);
    const { entries } = await readRecord(folder.journal);
    expect(entries.filter(({ kind }) => kind === STEP.intent)).toHaveLength(2);
  });

  it('drills that are stopped end it during the steps: a result that says by whom, after the restore', async () => {
    const { start } = process;
    let starts = 0;
    process.start = () => {
      starts += 1;
      if (starts > 1) return start();
      stop.why = 'drills are stopped by ada on ops-1';
      return waitFor(async () => watch.signal.aborted, { what: 'seen', timeoutMs: 2000, intervalMs: 1 }).then(
        () => undefined,
      );
    };
    const { times } = await run();
    expect(times.aborted).toEqual({ why: 'drills are stopped by ada on ops-1', deviated: false });
    expect(process.running).toBe(true);
    await end();
    const { entries } = await readRecord(folder.journal);
    const observed = entries.find(({ kind }) => kind === 'drill.observed')?.body;
    expect(observed).toMatchObject({ aborted: { why: 'drills are stopped by ada on ops-1' } });
  });

  it('what the restore alone would heal was not recovered from by then, however long it had been out', async () => {
    const silent = (second: number) =>
      ({ ...wellLoad().timeline()[0], second, ok: 0, p99Ms: null }) as Second;
    const load = { timeline: () => [0, 1, 2].map(silent) };
    const { times } = await run(undefined, { load, maxFaultMs: 300 });
    expect(times).toMatchObject({ aborted: undefined, seen: { backInsideSloMs: null } });
    expect(times.observation.outsideMs).toBe(3000);
    expect(times.observation.lastedMs).toBeGreaterThanOrEqual(300);
  });

  it('is watched until a partition that was struck takes writes again, however well the load looks', async () => {
    let electedNs: bigint | null = null;
    let looks = 0;
    const acks = {
      ...{ atUs: () => 7000, partition: () => 0 },
      get count() {
        looks += 1;
        return looks > 8 ? 1 : 0;
      },
    };
    const prepared = {
      partitions: new Set([0]),
      watch: () => {
        electedNs = systemClock.monoNs();
        return { moments: () => ({ detectedNs: null, electedNs }), stop: async () => undefined };
      },
    };
    const { times } = await run(undefined, { prepared, load: { acks }, maxFaultMs: 4000 });
    expect(looks).toBeGreaterThan(8);
    expect(times.seen.reconnectMs).toBe(7);
    expect(times.observation.lastedMs).toBeLessThan(4000);
  });

  it('drills that are stopped before the fault: nothing strikes, and it is refused', async () => {
    stop.why = 'drills are stopped by ada on ops-1';
    await waitFor(async () => watch.signal.aborted, { what: 'seen', timeoutMs: 2000, intervalMs: 1 });
    await expect(run()).rejects.toMatchObject({
      ...{ code: 'UPL-PREFLIGHT-REFUSED', exit: 15, next: 'uplift drill allow' },
      message: 'The preflight refuses: drills are stopped by ada on ops-1. Nothing was touched.',
    });
    expect((await readRecord(folder.journal)).entries.filter(({ kind }) => kind === STEP.intent)).toEqual([]);
  });
});

/** Ready at once, on a store that nothing happens to. */
function readyRun(calls: string[], change: Partial<DrillPorts> = {}) {
  const called = (name: string) => async (): Promise<void> => void calls.push(name);
  const blast = { hit: 1, of: 3, what: 'shards' };
  const planned = { steps: [], faultAt: 0, findings: [], expected: {} };
  const probe = {
    ...{ store: 'Redis', start: called('start'), stop: called('stop'), close: called('close') },
    writes: () => [{ id: 'a', group: 'g', endedNs: 5n, outcome: 'ok' as const }],
  };
  const ready = { kind: 'ready', ...planned, victim: { id: 'a', text: 'a' }, blast, probe };
  const ports = {
    ...{ clock: systemClock, signal, progress: () => undefined },
    permission: { findings: async () => [], stopped: async () => undefined },
    lock: async () => ({ held: () => true, release: called('release') }),
    watchdog: async () => ({ pid: 1, leaseMs: 1, trouble: () => undefined }),
    startLoad: async () => ({ ...wellLoad(), header: { tenant: 't', monoNs: '0' }, stop: called('load') }),
    journal: {
      append: async (kind: string) => {
        if (kind === 'load.started') throw new Error('no room');
      },
    },
    ...change,
  } as unknown as DrillPorts;
  const limits = { maxFaultMs: 5000, maxDurationMs: 7_200_000, maxShare: 1 };
  const times = { baselineMs: 1000, recoveryTargetMs: 5000 };
  const own = { runId: 'run-1', folder, journalDir: dir, gateways: [], limits };
  const options = { ...own, ...times } as unknown as DrillOptions;
  const drill = { id: 'redis-shard-loss', prepare: async () => ready } as unknown as Drill;
  return runDrill(drill, ports, options);
}

it('a run that was left broken between the preflight and the lock refuses this one, and the lock is given back', async () => {
  const left = '01a21558-599f-77f4-bbf0-a44a24836f27';
  const calls: string[] = [];
  const lock: DrillPorts['lock'] = async () => {
    await leaveUnfinished(left);
    return { held: () => true, release: async () => void calls.push('release') };
  };
  await expect(readyRun(calls, { lock })).rejects.toMatchObject({
    ...{ code: 'UPL-DRILL-UNFINISHED', exit: 15, next: `uplift drill recover ${left}` },
  });
  expect(calls).toEqual(['release']);
});

/** Another run, which died with a step begun. */
async function leaveUnfinished(runId: string): Promise<void> {
  const other = runFolder(dir, runId);
  await mkdir(other.dir, { recursive: true });
  const lines = await openJournal(other.journal, { runId, actor: 'test', clock: systemClock });
  const step = { kind: 'drill.moveLeaders', version: 1, args: null };
  await lines.append(STEP.intent, intentBody({ step, describe: 'move', reversible: true }));
  await lines.close();
}

it('a run that fails under load leaves what its probe wrote, and takes it away from the store', async () => {
  const calls: string[] = [];
  await expect(readyRun(calls)).rejects.toThrow('no room');
  expect(calls).toEqual(['start', 'stop', 'close', 'load', 'release']);
  expect(await readFile(folder.probe, 'utf8')).toBe('{"id":"a","group":"g","endedNs":"5","outcome":"ok"}\n');
});

describe('what a drill is guarded by', () => {
  const asked: unknown[] = [];
  const prepared = {
    moved: async () => 'another leader',
    secondFailure: async (step?: unknown) => {
      asked.push(step);
      return undefined;
    },
  };
  const STEP_OF_IT = { kind: 'a', version: 1, args: null };

  it('without its watchdog it does not strike, and ends where it has', async () => {
    const trouble = (): string => 'its watchdog is gone';
    const guarded = guardedBy(prepared, { held: () => true }, { trouble });
    expect(await guarded.moved()).toBe('its watchdog is gone');
    expect(await guarded.secondFailure(STEP_OF_IT)).toBe('its watchdog is gone');
    expect(asked).toEqual([]);
  });

  it('without the lock it does not strike; otherwise the drill itself is asked', async () => {
    const trouble = (): undefined => undefined;
    const unlocked = guardedBy(prepared, { held: () => false }, { trouble }, 30);
    expect(await unlocked.moved()).toBe('the lock of the cluster was lost');
    // Somebody else asks for it, and it comes back.
    let looks = 0;
    const held = (): boolean => ++looks > 2;
    expect(await guardedBy(prepared, { held }, { trouble }).moved()).toBe('another leader');
    const guarded = guardedBy(prepared, { held: () => true }, { trouble });
    expect(await guarded.moved()).toBe('another leader');
    expect(await guarded.secondFailure(STEP_OF_IT)).toBeUndefined();
    expect(asked).toEqual([STEP_OF_IT]);
  });
});
