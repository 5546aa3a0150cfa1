import type { QuotaPolicy, Taken } from './ports.ts';

/** A policy in whole microseconds: the unit of what stands in Redis, which is exact in a double until the year 2255. */
export interface Pace {
  /** One unit comes back every so long. */
  readonly emissionUs: number;
  /** So far ahead of the clock may the meter be: the quota at once. */
  readonly burstUs: number;
}

export function paceOf({ quota, windowMs }: QuotaPolicy): Pace {
  const emissionUs = Math.ceil((windowMs * 1000) / quota);
  return { emissionUs, burstUs: emissionUs * quota };
}

/**
 * Whether one more unit fits (generic cell rate algorithm), and the meter after it. The meter is the time at which all
 * units will have come back. A meter further ahead than can be is the work of a clock that went back: it is cut.
 */
export function meter(
  beforeUs: number | undefined,
  nowUs: number,
  { emissionUs, burstUs }: Pace,
): { readonly allowed: boolean; readonly meterUs: number } {
  const fromUs = Math.min(Math.max(beforeUs ?? nowUs, nowUs), nowUs + burstUs);
  const meterUs = fromUs + emissionUs;
  return meterUs - nowUs > burstUs ? { allowed: false, meterUs: fromUs } : { allowed: true, meterUs };
}

/** What the meter says to the one who asked. */
export function takenOf(
  { allowed, meterUs }: { readonly allowed: boolean; readonly meterUs: number },
  nowUs: number,
  { emissionUs, burstUs }: Pace,
): Taken {
  const usedUs = Math.max(0, meterUs - nowUs);
  const remaining = Math.floor((burstUs - usedUs) / emissionUs);
  return { allowed, remaining, nextMs: Math.max(0, usedUs + (remaining + 1) * emissionUs - burstUs) / 1000 };
}
