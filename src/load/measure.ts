import type { AckTimes, Second } from './timeline.ts';

/** First index whose time is ≥ `us` (binary search: times ascend). */
function firstFrom(acks: AckTimes, us: number): number {
  let low = 0;
  let high = acks.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (acks.atUs(middle) < us) low = middle + 1;
    else high = middle;
  }
  return low;
}

type Partitions = ReadonlySet<number> | undefined;

/** Acknowledgements with from ≤ time < to, of these partitions or all. */
export function countAcks(acks: AckTimes, fromUs: number, toUs: number, partitions?: Partitions): number {
  const from = firstFrom(acks, fromUs);
  const to = firstFrom(acks, toUs);
  if (partitions === undefined) return Math.max(0, to - from);
  let count = 0;
  for (let at = from; at < to; at += 1) if (partitions.has(acks.partition(at))) count += 1;
  return count;
}

/** Time without an acknowledgement. Null = there was none on that side, so the gap has no length that could be told. */
export interface Gap {
  readonly lastBeforeUs: number | null;
  readonly firstAfterUs: number | null;
  readonly gapMs: number | null;
}

function gapOf(lastBeforeUs: number | null, firstAfterUs: number | null): Gap {
  const gapMs = lastBeforeUs === null || firstAfterUs === null ? null : (firstAfterUs - lastBeforeUs) / 1000;
  return { lastBeforeUs, firstAfterUs, gapMs };
}

/** The gap around a moment: last acknowledgement before it → first at or after it, of these partitions or all. */
export function ackGap(acks: AckTimes, momentUs: number, partitions?: Partitions): Gap {
  const split = firstFrom(acks, momentUs);
  const counts = (at: number): boolean => partitions === undefined || partitions.has(acks.partition(at));
  let before = split - 1;
  while (before >= 0 && !counts(before)) before -= 1;
  let after = split;
  while (after < acks.count && !counts(after)) after += 1;
  return gapOf(before < 0 ? null : acks.atUs(before), after >= acks.count ? null : acks.atUs(after));
}

/**
 * The longest gap that begins or ends inside [from, to]: an answer already on its way when the fault struck makes
 * `ackGap` look harmless, this does not. A gap still open at `to` has no end and counts as the longest.
 */
export function longestGap(acks: AckTimes, fromUs: number, toUs: number, partitions?: Partitions): Gap {
  const first = ackGap(acks, fromUs, partitions);
  let last = first.lastBeforeUs;
  let longest: Gap | undefined;
  for (let at = firstFrom(acks, fromUs); at < acks.count && (last === null || last < toUs); at += 1) {
    if (partitions !== undefined && !partitions.has(acks.partition(at))) continue;
    const gap = gapOf(last, acks.atUs(at));
    if (longest === undefined || (gap.gapMs ?? -1) > (longest.gapMs ?? -1)) longest = gap;
    last = acks.atUs(at);
  }
  if (last === null || last < toUs) return gapOf(last, null);
  return longest ?? first;
}

/** `longestGap` of each partition by itself: an outage of one partition disappears in the sum of all. */
export function gapsByPartition(
  acks: AckTimes,
  fromUs: number,
  toUs: number,
  partitions: Iterable<number>,
): ReadonlyMap<number, Gap> {
  return new Map(
    [...partitions].map((partition) => [partition, longestGap(acks, fromUs, toUs, new Set([partition]))]),
  );
}

export interface ErrorWindow {
  readonly firstFailureUs: number;
  /** Start of the first of N seconds in a row with acknowledgements and without failures; null: not seen. */
  readonly cleanFromUs: number | null;
  readonly windowMs: number | null;
}

/** First failure at or after the moment → start of the first `cleanSeconds` clean seconds. Null: nothing failed. */
export function errorWindow(
  timeline: readonly Second[],
  momentUs: number,
  options: { readonly cleanSeconds: number },
): ErrorWindow | null {
  const failed = timeline.find((row) => row.firstFailureUs !== null && secondEndUs(row) > momentUs);
  if (failed === undefined || failed.firstFailureUs === null) return null;
  const firstFailureUs = Math.max(failed.firstFailureUs, momentUs);
  const clean = (row: Second): boolean => row.ok > 0 && row.fail + row.info === 0;
  const start = startOfRun(timeline, failed.second + 1, options.cleanSeconds, clean);
  return {
    firstFailureUs,
    cleanFromUs: start,
    windowMs: start === null ? null : (start - firstFailureUs) / 1000,
  };
}

function secondEndUs(row: Second): number {
  return (row.second + 1) * 1_000_000;
}

function startOfRun(
  timeline: readonly Second[],
  fromSecond: number,
  length: number,
  holds: (row: Second) => boolean,
): number | null {
  let run = 0;
  for (const row of timeline) {
    if (row.second < fromSecond) continue;
    run = holds(row) ? run + 1 : 0;
    if (run === length) return (row.second - length + 1) * 1_000_000;
  }
  return null;
}

export interface Baseline {
  readonly seconds: number;
  readonly okPerS: number;
  /** Median and highest of the seconds' 99th percentiles. */
  readonly p99Ms: number;
  readonly worstP99Ms: number;
  readonly errorRate: number;
}

/** What is normal: the whole seconds inside [from, to]. Null without acknowledgements: then nothing can be compared. */
export function baselineOf(timeline: readonly Second[], fromUs: number, toUs: number): Baseline | null {
  const rows = timeline.filter((row) => row.second * 1_000_000 >= fromUs && secondEndUs(row) <= toUs);
  const ok = sum(rows, (row) => row.ok);
  const p99s = rows.flatMap((row) => (row.p99Ms === null ? [] : [row.p99Ms])).toSorted((a, b) => a - b);
  const worstP99Ms = p99s.at(-1);
  const p99Ms = p99s[p99s.length >> 1];
  if (ok === 0 || worstP99Ms === undefined || p99Ms === undefined) return null;
  const failures = sum(rows, (row) => row.fail + row.info);
  return {
    seconds: rows.length,
    okPerS: ok / rows.length,
    p99Ms,
    worstP99Ms,
    errorRate: failures / (ok + failures),
  };
}

function sum(rows: readonly Second[], of: (row: Second) => number): number {
  return rows.reduce((total, row) => total + of(row), 0);
}

export interface SloLimits {
  readonly p99Ms: number;
  readonly errorRate: number;
  /** A second with fewer acknowledgements is outside: silence is not health. */
  readonly minOkPerS: number;
  /** Seconds in a row. */
  readonly forSeconds: number;
}

export interface SloReturn {
  /** First second after the moment that was outside; null: it never left. */
  readonly leftUs: number | null;
  readonly backUs: number | null;
  /** From the moment until it was back inside for good measure; 0 when it never left; null when it was not seen back. */
  readonly backInMs: number | null;
}

const insideOf =
  (limits: SloLimits) =>
  (row: Second): boolean => {
    const failures = row.fail + row.info;
    const all = row.ok + failures;
    return (
      row.ok >= limits.minOkPerS &&
      row.p99Ms !== null &&
      row.p99Ms <= limits.p99Ms &&
      failures <= limits.errorRate * all
    );
  };

/** When p99, error rate and throughput were back inside the limits for N seconds, from the second of the moment on. */
export function backInsideSlo(timeline: readonly Second[], momentUs: number, limits: SloLimits): SloReturn {
  const inside = insideOf(limits);
  const fromSecond = Math.floor(momentUs / 1_000_000);
  const left = timeline.find((row) => row.second >= fromSecond && !inside(row));
  const start = startOfRun(
    timeline,
    left === undefined ? fromSecond : left.second,
    limits.forSeconds,
    inside,
  );
  if (left === undefined) return { leftUs: null, backUs: start, backInMs: start === null ? null : 0 };
  const leftUs = Math.max(momentUs, left.second * 1_000_000);
  return { leftUs, backUs: start, backInMs: start === null ? null : Math.max(0, start - momentUs) / 1000 };
}

/** The least that `backInsideSlo` answers for a moment, whatever comes next; ms, 0: it may never have left. */
export function notBackBeforeMs(timeline: readonly Second[], momentUs: number, limits: SloLimits): number {
  const { backInMs } = backInsideSlo(timeline, momentUs, limits);
  if (backInMs !== null) return backInMs;
  const inside = insideOf(limits);
  const fromSecond = Math.floor(momentUs / 1_000_000);
  const lastOutside = timeline.findLast((row) => row.second >= fromSecond && !inside(row));
  return lastOutside === undefined ? 0 : Math.max(0, secondEndUs(lastOutside) - momentUs) / 1000;
}
