import { join } from 'node:path';
import { procEntry } from '../../src/clients/process/proc-table.ts';
import { TOPICS } from '../../src/contract/records.ts';
import { CAPACITY_PER_RESOURCE } from '../../src/contract/rules.ts';
import { systemClock } from '../../src/core/clock.ts';
import { isUpliftError, reasonOf } from '../../src/core/error.ts';
import { waitFor, withDeadline } from '../../src/core/wait.ts';
import { type Examined, examine } from '../../src/drills/engine/examine.ts';
import { startLoad } from '../../src/load/generator.ts';
import { readRecord } from '../../src/record/open.ts';
import { STEP } from '../../src/steps/journal-kinds.ts';
import { pause } from '../soak/kill.ts';
import type { Platform, Ports } from '../support/driven-platform.ts';
import { documentOf } from '../support/sandbox-cli.ts';
import { type RecoveredRun, type Seen, verdictOf } from './judge.ts';
import { type KillContext, type Killed, killAtStep, pidsNaming } from './kill.ts';
import type { Point } from './plan.ts';
import type { Row } from './row.ts';
import type { Stores } from './stores.ts';

export interface PointContext extends KillContext {
  readonly ports: Ports;
  readonly stores: Stores;
  readonly workDir: string;
  readonly version: string;
}

/** Longest that a point may take, and each part of it. */
const POINT_MS = 480_000;
const RESTORE_MS = 300_000;
const SHORT_MS = 60_000;
const GONE_MS = 10_000;
const QUIESCE_MS = 60_000;
const AFTER_MS = 3_000;

/** One point from the start of its drill to its verdict. Does not throw for what it finds: that stands in the row. */
export async function runPoint(point: Point, context: PointContext): Promise<Row> {
  const startedMs = performance.now();
  const row = { point, version: context.version, at: new Date().toISOString() };
  const tookMs = (): number => Math.round(performance.now() - startedMs);
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(POINT_MS)]);
  try {
    const tried = tryPoint(point, { ...context, signal });
    return { ...row, ...(await withDeadline('the point', POINT_MS, tried)), tookMs: tookMs() };
  } catch (error) {
    context.signal.throwIfAborted();
    const nothing = { landed: '–', by: '–', undone: 0, backMs: 0, acknowledged: 0, unknown: 0, lost: 0 };
    return { ...row, ...nothing, tookMs: tookMs(), wrong: [reasonOf(error)], open: [] };
  }
}

type Tried = Omit<Row, 'point' | 'version' | 'at' | 'tookMs'>;

async function tryPoint(point: Point, context: PointContext): Promise<Tried> {
  const killed = await killAtStep(point, context);
  const back = await putBack(killed, context);
  const seen = await lookBack(point, killed, back, context);
  const { landed, wrong, open } = verdictOf(point, seen);
  const undone = seen.record.entries.filter(({ kind }) => kind === STEP.undone).length;
  const by = back.sealedBefore ? 'watchdog' : 'recover';
  return { landed: landed.kind, by, undone, backMs: back.backMs, ...figuresOf(seen), wrong, open };
}

interface Back {
  readonly sealedBefore: boolean;
  readonly recover: Seen['recover'];
  readonly backMs: number;
}

/** Lets a watchdog that lives do its work, then asks for the recovery of what is left. */
async function putBack({ run, atMs, watchdogs }: Killed, { platform, signal }: PointContext): Promise<Back> {
  const done = async (): Promise<boolean> => {
    const alive = (await Promise.all(watchdogs.map(procEntry))).some((entry) => entry !== undefined);
    return !alive || (await readRecord(run.journal)).status === 'sealed';
  };
  await waitFor(done, {
    ...{ what: 'the watchdog has put everything back', timeoutMs: RESTORE_MS, intervalMs: 200, signal },
  });
  const sealedBefore = (await readRecord(run.journal)).status === 'sealed';
  const sealedMs = performance.now();
  const recover = await recovered(platform);
  return { sealedBefore, recover, backMs: Math.round((sealedBefore ? sealedMs : performance.now()) - atMs) };
}

async function recovered(platform: Platform): Promise<Seen['recover']> {
  const ended = await platform.launch(['drill', 'recover', '--output', 'json'], RESTORE_MS).ended;
  try {
    return { exit: ended.exit, runs: documentOf<{ readonly runs: RecoveredRun[] }>(ended).runs ?? [] };
  } catch {
    return { exit: ended.exit, runs: [] };
  }
}

async function lookBack(point: Point, killed: Killed, back: Back, context: PointContext): Promise<Seen> {
  const { platform, ports, stores, workDir } = context;
  const { run, kind, watchdogs } = killed;
  const record = await readRecord(run.journal);
  const differences = await stores.differences();
  const leftRunning = await quietProcesses(stores, run.runId);
  const verify = await platform.launch(['drill', 'verify', run.runId, '--output', 'json'], SHORT_MS).ended;
  const history = join(workDir, `after-${point.number}-${Date.now()}.ndjson`);
  await smallLoad(history, point, context);
  return {
    ...{ runId: run.runId, kind, watchdogs: watchdogs.length, sealedBefore: back.sealedBefore },
    ...{ recover: back.recover, record, differences, leftRunning, verifyExit: verify.exit },
    again: await recovered(platform),
    killed: await examined(run.history, ports),
    after: await examined(history, ports),
  };
}

/** A process ends a moment after what it was to do; one that stays is a finding. */
async function quietProcesses(stores: Stores, runId: string): Promise<string[]> {
  let left: string[] = [];
  const none = async (): Promise<boolean> => {
    const named = await pidsNaming(runId);
    left = [...(await stores.processes()), ...named.map((pid) => `left running: pid ${pid} of the run`)];
    return left.length === 0;
  };
  await waitFor(none, { what: 'nothing left', timeoutMs: GONE_MS, intervalMs: 200 }).catch(
    (error: unknown) => {
      if (!isUpliftError(error, 'UPL-DEADLINE')) throw error;
    },
  );
  return left;
}

/** The service takes writes: a load of some seconds, to its end. */
async function smallLoad(
  historyPath: string,
  { seed }: Point,
  { platform, ports, ratePerS, signal }: PointContext,
): Promise<void> {
  const bounds = await ports.read.bounds([TOPICS.commands], { timeoutMs: ports.timeoutMs });
  const gateways = (await platform.units()).flatMap(({ id, labels }) =>
    labels.role === 'gateway' ? [{ id, url: `http://127.0.0.1:${labels.port}` }] : [],
  );
  const run = `after-${Date.now()}`;
  const load = await startLoad({
    ...{ clock: systemClock, runId: run, tenant: run, gateways, historyPath, ratePerS, seed },
    ...{ partitions: bounds.length, capacity: CAPACITY_PER_RESOURCE },
  });
  try {
    await pause(AFTER_MS, signal);
  } finally {
    await load.stop();
  }
}

function examined(history: string, ports: Ports): Promise<Examined> {
  const { gateways, timeoutMs } = ports;
  return examine(ports, { history, gateways, timeoutMs, quiesceMs: QUIESCE_MS });
}

function figuresOf({ killed, after }: Pick<Seen, 'killed' | 'after'>) {
  const of = (key: 'acknowledged' | 'unknown'): number => killed.judgement[key] + after.judgement[key];
  const lost = killed.judgement.lost.length + after.judgement.lost.length;
  return { acknowledged: of('acknowledged'), unknown: of('unknown'), lost };
}
