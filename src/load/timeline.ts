import { build, type Histogram } from 'hdr-histogram-js';

/** What came back in one second since the load's start (by completion). Latency is of acknowledgements, from the intended time. */
export interface Second {
  readonly second: number;
  readonly ok: number;
  readonly fail: number;
  readonly info: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly firstAckUs: number | null;
  readonly lastAckUs: number | null;
  readonly firstFailureUs: number | null;
}

/** Acknowledgements in the order of their times: when, and on which partition. */
export interface AckTimes {
  readonly count: number;
  atUs(index: number): number;
  partition(index: number): number;
}

export interface Timeline {
  ok(atUs: number, latencyUs: number, partition: number): void;
  failure(kind: 'fail' | 'info', atUs: number): void;
  /** Whole seconds before `untilUs`, from `fromSecond` on; those without any answer are there as empty rows. */
  seconds(untilUs: number, fromSecond?: number): Second[];
  readonly acks: AckTimes;
  /** True when there were more acknowledgements than are kept one by one. */
  readonly truncated: boolean;
  latency(): { readonly p50Ms: number | null; readonly p99Ms: number | null; readonly maxMs: number | null };
}

type OpenSecond = { -readonly [field in keyof Second]: Second[field] };

const HIGHEST_US = 120_000_000;
const MAX_SECONDS = 90_000;

/**
 * Collects completions, which must come in the order of their times. Memory: one row a second (25 h at most) and 10
 * bytes an acknowledgement, up to `maxAcks`.
 */
export function openTimeline(options: { readonly maxAcks?: number } = {}): Timeline {
  const rows = new Map<number, OpenSecond>();
  const acks = ackLog(options.maxAcks ?? 8_000_000);
  const all = histogram();
  const current = histogram();
  let open: OpenSecond | undefined;

  const rowOf = (atUs: number): OpenSecond => {
    const second = Math.floor(atUs / 1_000_000);
    // Completions come in order, so a later second closes the one before; a straggler is counted where we are.
    if (open !== undefined && second <= open.second) return open;
    if (open !== undefined) closeRow(open, current);
    open = emptySecond(second);
    if (rows.size < MAX_SECONDS) rows.set(second, open);
    return open;
  };

  return {
    ok(atUs, latencyUs, partition) {
      const row = rowOf(atUs);
      row.ok += 1;
      row.firstAckUs ??= atUs;
      row.lastAckUs = atUs;
      const value = Math.min(HIGHEST_US, Math.max(1, latencyUs));
      current.recordValue(value);
      all.recordValue(value);
      acks.push(atUs, partition);
    },
    failure(kind, atUs) {
      const row = rowOf(atUs);
      row[kind] += 1;
      row.firstFailureUs ??= atUs;
    },
    seconds(untilUs, fromSecond = 0) {
      if (open !== undefined) fillPercentiles(open, current);
      const until = Math.min(MAX_SECONDS, Math.floor(untilUs / 1_000_000));
      const row = (second: number): Second => ({ ...(rows.get(second) ?? emptySecond(second)) });
      return Array.from({ length: Math.max(0, until - fromSecond) }, (_, index) => row(fromSecond + index));
    },
    acks,
    get truncated() {
      return acks.truncated;
    },
    latency: () => ({
      p50Ms: percentileMs(all, 50),
      p99Ms: percentileMs(all, 99),
      maxMs: percentileMs(all, 100),
    }),
  };
}

function histogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_US,
    numberOfSignificantValueDigits: 3,
    autoResize: false,
  });
}

function percentileMs(histogram: Histogram, percentile: number): number | null {
  return histogram.totalCount === 0 ? null : histogram.getValueAtPercentile(percentile) / 1000;
}

function fillPercentiles(row: OpenSecond, latencies: Histogram): void {
  row.p50Ms = percentileMs(latencies, 50);
  row.p99Ms = percentileMs(latencies, 99);
}

function closeRow(row: OpenSecond, latencies: Histogram): void {
  fillPercentiles(row, latencies);
  latencies.reset();
}

function emptySecond(second: number): OpenSecond {
  return {
    second,
    ok: 0,
    fail: 0,
    info: 0,
    p50Ms: null,
    p99Ms: null,
    firstAckUs: null,
    lastAckUs: null,
    firstFailureUs: null,
  };
}

interface AckLog extends AckTimes {
  push(atUs: number, partition: number): void;
  readonly truncated: boolean;
}

function ackLog(maxAcks: number): AckLog {
  let times = new Float64Array(4_096);
  let partitions = new Uint16Array(4_096);
  let count = 0;
  let truncated = false;
  return {
    get count() {
      return count;
    },
    get truncated() {
      return truncated;
    },
    atUs: (index) => times[index] ?? Number.NaN,
    partition: (index) => partitions[index] ?? 0,
    push(atUs, partition) {
      if (count >= maxAcks) {
        truncated = true;
        return;
      }
      if (count === times.length) {
        const moreTimes = new Float64Array(count * 2);
        moreTimes.set(times);
        times = moreTimes;
        const morePartitions = new Uint16Array(count * 2);
        morePartitions.set(partitions);
        partitions = morePartitions;
      }
      times[count] = atUs;
      partitions[count] = partition;
      count += 1;
    },
  };
}
