import { setTimeout as delay } from 'node:timers/promises';
import { UpliftError } from '../../core/error.ts';
import { formatMs } from '../../core/units.ts';
import type { Load } from '../../load/generator.ts';
import { type Baseline, baselineOf, type SloLimits } from '../../load/measure.ts';

/** First seconds of a load: connections are opened and code is compiled; they say nothing of the platform. */
const WARM_UP_MS = 3000;
/** Whole seconds count: a window is widened to hold as many as were asked for. */
const WIDENED_MS = 1000;
const STEADY_SECONDS = 3;
const LEAST_P99_MS = 250;
const BASELINE_ERROR_RATE = 0.01;
const BASELINE_RATE_SHARE = 0.8;
const WINDOWS = 4;

/**
 * Lets the load run in, then measures what is normal; a window that is not steady is followed by another, a few times.
 * Throws UPL-PREFLIGHT-REFUSED when nothing normal was seen: a tolerance around it would mean nothing.
 */
export async function measureBaseline(
  load: Load,
  baselineMs: number,
  ratePerS: number,
  signal: AbortSignal,
): Promise<Baseline> {
  await runFor(load, WARM_UP_MS, signal);
  let trouble: string | undefined;
  for (let window = 0; window < WINDOWS; window += 1) {
    const fromUs = load.nowUs();
    await runFor(load, baselineMs + WIDENED_MS, signal);
    await load.settle();
    const baseline = baselineOf(load.timeline(), fromUs, load.nowUs());
    trouble = unsteady(baseline, ratePerS);
    if (baseline !== null && trouble === undefined) return baseline;
  }
  throw new UpliftError('UPL-PREFLIGHT-REFUSED', {
    message: `No steady state before the fault: ${trouble}. Nothing was broken.`,
    next: 'uplift check',
  });
}

/** Pure: the longest that a baseline takes, with every window that it may need. */
export function baselineBoundMs(baselineMs: number): number {
  return WARM_UP_MS + WINDOWS * (baselineMs + WIDENED_MS);
}

/** How long a baseline takes whose first window is steady. */
export const usualBaselineMs = (baselineMs: number): number => WARM_UP_MS + baselineMs + WIDENED_MS;

/** Pure: why a window is no steady state, or undefined. */
export function unsteady(baseline: Baseline | null, ratePerS: number): string | undefined {
  if (baseline === null) return 'nothing was acknowledged';
  if (baseline.errorRate > BASELINE_ERROR_RATE)
    return `${(baseline.errorRate * 100).toFixed(1)} % of the operations failed`;
  if (baseline.okPerS >= ratePerS * BASELINE_RATE_SHARE) return undefined;
  return `${Math.round(baseline.okPerS)} operations a second acknowledged of ${ratePerS} asked for`;
}

/** Waits a length of time under load; ends early, with the error, when the load cannot go on. */
export async function runFor(load: Load, ms: number, signal: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const timer = delay(ms, undefined, { signal: AbortSignal.any([signal, stop.signal]) });
  try {
    await Promise.race([timer, load.ended]);
  } finally {
    stop.abort();
    await timer.catch(() => undefined);
  }
  signal.throwIfAborted();
}

/** The SLO of the drill: inside the tolerance of its own baseline for some seconds in a row. */
export function sloOf(baseline: Baseline): SloLimits {
  return {
    p99Ms: Math.max(LEAST_P99_MS, baseline.worstP99Ms * 3),
    errorRate: Math.max(0.01, baseline.errorRate * 2),
    minOkPerS: baseline.okPerS * 0.8,
    forSeconds: STEADY_SECONDS,
  };
}

export function baselineText(baseline: Baseline): string {
  return `${Math.round(baseline.okPerS)} op/s · p99 ${formatMs(baseline.p99Ms)} · ${(baseline.errorRate * 100).toFixed(1)} % errors`;
}
