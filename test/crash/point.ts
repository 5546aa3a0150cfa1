import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from '../../src/core/error.ts';
import { waitFor } from '../../src/core/wait.ts';
import { examine } from '../../src/drills/examine.ts';
import type { KafkaTopology } from '../../src/drills/topology.ts';
import { pause, untilBack } from '../soak/kill.ts';
import { type ActContext, killOrHang, untilRedisWhole, victimOf } from './act.ts';
import type { Point } from './plan.ts';
import type { ProjectionWatch } from './projection.ts';

/** What one point showed. */
export interface Row {
  readonly point: Point;
  readonly unit: string;
  readonly acknowledged: number;
  readonly lost: number;
  readonly unknown: number;
  /** From the act until everything was back. */
  readonly backMs: number;
  /** What is wrong, as sentences; none: passed. */
  readonly wrong: readonly string[];
}

export interface PointContext extends ActContext {
  readonly workDir: string;
  readonly ratePerS: number;
  readonly topology: KafkaTopology;
  readonly projection: ProjectionWatch;
}

const LOAD_S = 8;
const LOAD_GRACE_MS = 90_000;
const BEGIN_MS = 20_000;
const QUIESCE_MS = 60_000;

/** One point from load to verdict. Does not throw for what it finds: that stands in the row. */
export async function runPoint(point: Point, context: PointContext): Promise<Row> {
  const { platform, ports, signal } = context;
  const history = join(context.workDir, `point-${point.number}-${Date.now()}.ndjson`);
  const rate = ['--rate', String(context.ratePerS), '--duration', `${LOAD_S}s`, '--seed', String(point.seed)];
  const load = platform.start(
    ['load', 'run', ...rate, '--history', history, '--output', 'json'],
    LOAD_S * 1000 + LOAD_GRACE_MS,
  );
  try {
    await waitFor(async () => (await stat(history).catch(() => undefined)) !== undefined, {
      what: 'the load begins',
      timeoutMs: BEGIN_MS,
      intervalMs: 50,
      signal,
    });
    await pause(point.afterMs, signal);
    const unit = await victimOf(point, context);
    const actedMs = performance.now();
    await killOrHang(unit, point, context);
    const ended = await load.ended;
    await untilBack(context);
    await untilRedisWhole(context);
    const backMs = performance.now() - actedMs;
    const { gateways, timeoutMs } = ports;
    const { judgement, troubles } = await examine(ports, {
      history,
      gateways,
      timeoutMs,
      quiesceMs: QUIESCE_MS,
    });
    const wrong = [
      ...(ended.exit === 0 || ended.exit === 10 ? [] : [`the load ended with exit ${ended.exit}`]),
      ...(judgement.verdict === 'pass' ? [] : judgement.reasons),
      ...troubles,
      ...(await context.projection.compare(timeoutMs)),
    ];
    const { acknowledged, unknown, lost } = judgement;
    return {
      point,
      unit: unit.id,
      acknowledged,
      unknown,
      lost: lost.length,
      backMs: Math.round(backMs),
      wrong,
    };
  } catch (error) {
    signal.throwIfAborted();
    const nothing = { acknowledged: 0, lost: 0, unknown: 0, backMs: 0 };
    return { point, unit: '?', ...nothing, wrong: [reasonOf(error)] };
  } finally {
    load.kill('SIGKILL');
    await load.ended.catch(() => undefined);
  }
}
