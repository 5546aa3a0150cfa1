import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from '../../src/core/error.ts';
import { EXIT } from '../../src/core/exit.ts';
import { waitFor } from '../../src/core/wait.ts';
import { type Examined, examine } from '../../src/drills/engine/examine.ts';
import type { KafkaTopology } from '../../src/drills/kafka/topology.ts';
import type { NamedServer } from '../../src/drills/reads/gather.ts';
import { pause, untilBack } from '../soak/kill.ts';
import type { RunningCli } from '../support/sandbox-cli.ts';
import { type ActContext, act, type Done, untilRedisWhole } from './act.ts';
import { rolesNow } from './failover.ts';
import { AFTERWARDS_MS, loadSecondsOf, type Point } from './plan.ts';
import type { Compared, ProjectionWatch } from './projection.ts';
import type { Row } from './row.ts';

export interface PointContext extends ActContext {
  readonly ratePerS: number;
  readonly topology: KafkaTopology;
  readonly projection: ProjectionWatch;
  /** Commit of the tree that is tried. */
  readonly version: string;
}

const LOAD_GRACE_MS = 90_000;
const TOLD_TO_END = `exit ${EXIT.interrupted}`;
const BEGIN_MS = 20_000;
const QUIESCE_MS = 60_000;
const FOUND_NOTHING = {
  acknowledged: 0,
  unknown: 0,
  lost: 0,
  duplicates: 0,
  oversold: 0,
  broken: 0,
  differs: 0,
};

/** One point from load to verdict. Does not throw for what it finds: that stands in the row. */
export async function runPoint(point: Point, context: PointContext): Promise<Row> {
  const { platform, ratePerS, workDir, version, signal } = context;
  const history = join(workDir, `point-${point.number}-${Date.now()}.ndjson`);
  const seconds = loadSecondsOf(point);
  const rate = ['--rate', String(ratePerS), '--duration', `${seconds}s`, '--seed', String(point.seed)];
  const args = ['load', 'run', ...rate, '--history', history, '--output', 'json'];
  const row = { point, version, at: new Date().toISOString() };
  const load = platform.start(args, seconds * 1000 + LOAD_GRACE_MS);
  const ended = load.ended.then(({ exit }) => `exit ${exit}`, reasonOf);
  try {
    await untilBegun(history, signal);
    await pause(point.afterMs, signal);
    const actedMs = performance.now();
    const done = await act(point, context);
    const loadEnded = endLoad(load, ended, signal);
    // Awaited below; a point that does not come back tells of that instead.
    loadEnded.catch(() => undefined);
    await untilBack(context);
    await untilRedisWhole(context);
    const backMs = Math.round(performance.now() - actedMs);
    return {
      ...row,
      ...done,
      backMs,
      ...(await judgePoint({ history, loadEnded: await loadEnded, row }, context)),
    };
  } catch (error) {
    signal.throwIfAborted();
    const nobody: Done = { unit: point.victim, note: '' };
    return { ...row, ...nobody, ...FOUND_NOTHING, backMs: 0, wrong: [reasonOf(error)], open: [] };
  } finally {
    load.kill('SIGKILL');
    await ended;
  }
}

/** Ends the load some time after the return; answers what was wrong with it, as sentences. */
async function endLoad(load: RunningCli, ended: Promise<string>, signal: AbortSignal): Promise<string[]> {
  await pause(AFTERWARDS_MS, signal);
  const early = await Promise.race([ended, Promise.resolve(undefined)]);
  load.kill('SIGINT');
  return loadTroubles(early, await ended);
}

/**
 * Pure: why a load does not show what a point did to the service. `early`: how it had ended when it was to be told to,
 * after the return; `end`: how it ended. Told to end, it exits as interrupted.
 */
export function loadTroubles(early: string | undefined, end: string): string[] {
  if (early !== undefined) return [`the load was over before the victim was back: ${early}`];
  return end === TOLD_TO_END ? [] : [`the load ended with ${end}`];
}

async function untilBegun(history: string, signal: AbortSignal): Promise<void> {
  await waitFor(async () => (await stat(history).catch(() => undefined)) !== undefined, {
    what: 'the load begins',
    timeoutMs: BEGIN_MS,
    intervalMs: 50,
    signal,
  });
}

interface Ended {
  readonly history: string;
  readonly loadEnded: readonly string[];
  readonly row: Pick<Row, 'point' | 'at'>;
}

/** Everything read back, and what follows from it. */
async function judgePoint({ history, loadEnded, row }: Ended, context: PointContext) {
  const { ports, projection } = context;
  const { gateways, timeoutMs } = ports;
  const servers = await rolesNow([ports.writer, ...ports.replicas], timeoutMs);
  const request = { history, gateways, timeoutMs, quiesceMs: QUIESCE_MS };
  const examined = await examine({ ...ports, ...servers }, request);
  const kept = await keptSince(servers.writer, row.at, timeoutMs);
  const notTried = [...loadEnded, ...idleTroubles(row.point, kept)];
  return { ...verdictOf(examined, await projection.compare(timeoutMs), notTried), kept };
}

/** Pure: a sweeper that had nothing to do was not tried by its death. */
export function idleTroubles({ victim }: Pick<Point, 'victim'>, kept: number): string[] {
  return victim === 'sweeper' && kept === 0 ? ['nothing was left to the sweeper'] : [];
}

/** How many commands the gateways kept for the sweeper. */
async function keptSince({ ask }: NamedServer, since: string, timeoutMs: number): Promise<number> {
  const text = 'SELECT count(*) AS kept FROM uplift_service.unknown_outcomes WHERE stored_at >= $1';
  const { rows } = await ask.query<{ kept: bigint }>(text, [since], { timeoutMs });
  return Number(rows[0]?.kept ?? 0n);
}

/** Pure: figures of a point; `wrong` was seen, `open` is what could not be looked at. */
export function verdictOf(
  { judgement, troubles }: Pick<Examined, 'judgement' | 'troubles'>,
  { broken, differs }: Compared,
  notTried: readonly string[],
): Omit<Row, 'point' | 'version' | 'at' | 'unit' | 'note' | 'backMs'> {
  const { acknowledged, unknown, lost, duplicates, oversold, reasons, verdict } = judgement;
  const failed = verdict === 'fail' ? reasons : [];
  const inconclusive = verdict === 'inconclusive' ? reasons : [];
  return {
    acknowledged,
    unknown,
    lost: lost.length,
    duplicates: duplicates.length,
    oversold: oversold.length,
    broken: broken.length,
    differs: differs.length,
    wrong: [...failed, ...broken, ...differs],
    open: [...notTried, ...inconclusive, ...troubles],
  };
}
