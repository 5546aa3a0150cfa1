/**
 * How many units of one resource are taken at each instant, as a step function: `levels[i]` holds from `times[i]` up to
 * (not including) `times[i + 1]`; before the first and after the last step it is 0. No two neighbours have one level, so
 * the same set of intervals gives the same timeline whatever was added and taken away in between, and in whatever order.
 */
export interface Timeline {
  readonly times: number[];
  readonly levels: number[];
}

export function emptyTimeline(): Timeline {
  return { times: [], levels: [] };
}

export function copyOf({ times, levels }: Timeline): Timeline {
  return { times: [...times], levels: [...levels] };
}

/** Highest level within [start, end). */
export function peak(timeline: Timeline, start: number, end: number): number {
  const { times, levels } = timeline;
  let highest = 0;
  // The step before `start` reaches into the interval.
  for (let i = Math.max(0, firstAfter(times, start) - 1); i < times.length; i += 1) {
    const at = times[i] ?? 0;
    if (at >= end) break;
    const stepEnd = times[i + 1] ?? Number.POSITIVE_INFINITY;
    if (stepEnd > start) highest = Math.max(highest, levels[i] ?? 0);
  }
  return highest;
}

/** Raises the level within [start, end) by quantity (lowers it, if negative), in place. */
export function add(timeline: Timeline, start: number, end: number, quantity: number): void {
  const from = split(timeline, start);
  const to = split(timeline, end);
  for (let i = from; i < to; i += 1) timeline.levels[i] = (timeline.levels[i] ?? 0) + quantity;
  // Within the interval all moved alike: only its ends can have become equal to what stands before them.
  join(timeline, to);
  join(timeline, from);
}

/** Makes `at` a step (with the level that held there) and answers its index. */
function split(timeline: Timeline, at: number): number {
  const { times, levels } = timeline;
  const next = firstAfter(times, at);
  if (times[next - 1] === at) return next - 1;
  times.splice(next, 0, at);
  levels.splice(next, 0, next === 0 ? 0 : (levels[next - 1] ?? 0));
  return next;
}

/** Drops a step that changes nothing. */
function join({ times, levels }: Timeline, index: number): void {
  if ((levels[index - 1] ?? 0) !== levels[index]) return;
  times.splice(index, 1);
  levels.splice(index, 1);
}

/** Index of the first time later than `at` (binary search). */
function firstAfter(times: readonly number[], at: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
