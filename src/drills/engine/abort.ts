import type { Second } from '../../load/timeline.ts';
import type { DrillLimits } from './drill.ts';

/**
 * Pure: why the load says that the drill has to end at once, or undefined. Seconds before the fault do not count, and a
 * second with nothing in it is silence, which the SLO judges, not a failure.
 */
export function loadTrouble(
  timeline: readonly Second[],
  faultUs: number,
  { abortErrorRate, abortAfterS }: Pick<DrillLimits, 'abortErrorRate' | 'abortAfterS'>,
): string | undefined {
  const from = Math.ceil(faultUs / 1_000_000);
  const last = timeline.filter(({ second }) => second >= from).slice(-abortAfterS);
  if (last.length < abortAfterS) return undefined;
  const failing = last.every(({ ok, fail, info }) => {
    const all = ok + fail + info;
    return all > 0 && (fail + info) / all > abortErrorRate;
  });
  if (!failing) return undefined;
  return `more than ${Math.round(abortErrorRate * 100)} % of the operations failed for ${abortAfterS} s`;
}
