import type { EndEntry, HistoryHeader } from './entries.ts';
import { type LoadVerb, VERBS } from './stories.ts';
import { openTimeline, type Timeline } from './timeline.ts';

/** Counts of a running load. Everything that came back counts only once it is on disk. */
export interface LoadStats {
  readonly atUs: number;
  /** Operations due so far, sent or not. */
  readonly scheduled: number;
  readonly sent: number;
  /** Due, but not sent: too much was in flight. */
  readonly shortfall: number;
  readonly acknowledged: number;
  /** Attempts that certainly had no effect / that may have had one. */
  readonly failedAttempts: number;
  readonly unknownAttempts: number;
  readonly inFlight: number;
  /** Of the last whole second that is on disk. */
  readonly ackPerS: number;
  readonly failuresPerS: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

export interface LoadSummary {
  readonly header: HistoryHeader;
  readonly scheduledMs: number;
  readonly scheduled: number;
  readonly sent: number;
  readonly shortfall: number;
  /** Operations sent more than a second after they were due: the generator itself was too slow. */
  readonly late: number;
  /** Operations, not attempts: acknowledged on disk; ended without a 202 but perhaps done; certainly not done. */
  readonly acknowledged: number;
  readonly unknown: number;
  readonly failed: number;
  readonly attempts: number;
  readonly reads: number;
  /** From the intended time to the acknowledgement. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly maxMs: number | null;
  /** Acknowledged operations by what they asked for. */
  readonly perVerb: Readonly<Record<LoadVerb, number>>;
  /** Acknowledged operations by partition: index = partition. */
  readonly perPartition: readonly number[];
  /** Why attempts were not acknowledged, most frequent first. */
  readonly reasons: readonly { readonly reason: string; readonly count: number }[];
  /** More acknowledgements than are kept one by one: gaps cannot be measured to the end. */
  readonly truncated: boolean;
  readonly sha256: string;
}

export interface Tally {
  readonly timeline: Timeline;
  started(delayUs: number): void;
  shortfall(atUs: number, reason: string): void;
  acknowledged(
    atUs: number,
    latencyUs: number,
    of: { readonly partition: number; readonly verb: LoadVerb },
  ): void;
  failed(kind: 'fail' | 'info', atUs: number, reason: string): void;
  /** An operation ended without acknowledgement. */
  gaveUp(unknown: boolean): void;
  read(seen: string): void;
  /** Everything completed until then is on disk. */
  reached(atUs: number): void;
  horizonUs(): number;
  stats(nowUs: number, inFlight: number): LoadStats;
  summary(parts: {
    readonly end: EndEntry;
    readonly header: HistoryHeader;
    readonly planned: number;
    readonly scheduledMs: number;
  }): LoadSummary;
}

const LATE_US = 1_000_000;
const MAX_REASONS = 200;

/** Opens the counters of one load. */
export function openTally(options: { readonly ratePerS: number; readonly partitions: number }): Tally {
  const timeline = openTimeline();
  const counts = {
    sent: 0,
    shortfall: 0,
    late: 0,
    acknowledged: 0,
    fail: 0,
    info: 0,
    unknown: 0,
    failed: 0,
    reads: 0,
  };
  const perVerb = Object.fromEntries(VERBS.map((verb) => [verb, 0])) as Record<LoadVerb, number>;
  const perPartition = Array.from({ length: options.partitions }, () => 0);
  const reasons = new Map<string, number>();
  let horizonUs = 0;

  const reached = (atUs: number): void => {
    horizonUs = Math.max(horizonUs, atUs);
  };
  const noted = (reason: string): void => {
    if (reasons.size < MAX_REASONS || reasons.has(reason))
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  };
  const failure = (kind: 'fail' | 'info', atUs: number, reason: string): void => {
    counts[kind] += 1;
    timeline.failure(kind, atUs);
    noted(reason);
    reached(atUs);
  };

  return {
    timeline,
    started(delayUs) {
      counts.sent += 1;
      if (delayUs > LATE_US) counts.late += 1;
    },
    shortfall(atUs, reason) {
      counts.shortfall += 1;
      failure('fail', atUs, reason);
    },
    acknowledged(atUs, latencyUs, { partition, verb }) {
      counts.acknowledged += 1;
      perVerb[verb] += 1;
      timeline.ok(atUs, latencyUs, partition);
      perPartition[partition] = (perPartition[partition] ?? 0) + 1;
      reached(atUs);
    },
    failed: failure,
    gaveUp(unknown) {
      counts[unknown ? 'unknown' : 'failed'] += 1;
    },
    read() {
      counts.reads += 1;
    },
    reached,
    horizonUs: () => horizonUs,
    stats(nowUs, inFlight) {
      const last = timeline.seconds(horizonUs, Math.max(0, Math.floor(horizonUs / 1_000_000) - 1)).at(-1);
      return {
        atUs: nowUs,
        scheduled: counts.sent + counts.shortfall,
        sent: counts.sent,
        shortfall: counts.shortfall,
        acknowledged: counts.acknowledged,
        failedAttempts: counts.fail,
        unknownAttempts: counts.info,
        inFlight,
        ackPerS: last?.ok ?? 0,
        failuresPerS: (last?.fail ?? 0) + (last?.info ?? 0),
        p50Ms: last?.p50Ms ?? null,
        p99Ms: last?.p99Ms ?? null,
      };
    },
    summary({ end, header, planned, scheduledMs }) {
      return {
        header,
        scheduledMs,
        scheduled: planned,
        sent: counts.sent,
        shortfall: counts.shortfall,
        late: counts.late,
        acknowledged: counts.acknowledged,
        unknown: counts.unknown,
        failed: counts.failed,
        attempts: end.counts.invoke,
        reads: counts.reads,
        ...timeline.latency(),
        perVerb: { ...perVerb },
        perPartition,
        reasons: [...reasons]
          .map(([reason, count]) => ({ reason, count }))
          .toSorted((a, b) => b.count - a.count),
        truncated: timeline.truncated,
        sha256: end.sha256,
      };
    },
  };
}
