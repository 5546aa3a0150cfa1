import type { Told } from '../clients/kafka/group-ports.ts';
import type { Observed } from '../facts/observed.ts';

/** What was seen of one partition of one consumer in two looks. Offsets are those of the log. */
export interface PartitionFacts {
  readonly topic: string;
  readonly partition: number;
  /** First offset not consumed, as stored by the last look; null: see `trouble`. */
  readonly committed: bigint | null;
  /** First offset of the log, read before the last position was: a position below it is below it for certain. */
  readonly start: bigint | null;
  /** High watermark, read after the last position. */
  readonly end: bigint | null;
  /** Last stable offset; asked only where a consumer is behind and did not move. */
  readonly stable: bigint | null;
  /** The first look; null when the partition had no position then. */
  readonly before: { readonly committed: bigint; readonly end: bigint } | null;
  /**
   * Timestamp (epoch ms) of the first record not consumed, null inside when nothing but transaction markers is there;
   * null when it was not asked for, because nothing is there to be consumed.
   */
  readonly oldest: Told<number | null> | null;
  /** Why nothing can be said of this partition, and as what it counts. */
  readonly trouble: { readonly state: 'noAnswer' | 'unknown' | 'beyond'; readonly reason: string } | null;
}

export interface ConsumerFacts {
  readonly kind: 'group' | 'projection';
  readonly name: string;
  readonly groupState: string | null;
  /** Epoch ms when the last positions were read; ages of records count to here. */
  readonly atMs: number;
  /** Between the two looks. */
  readonly windowMs: number;
  /** Why nothing can be said of the whole consumer; null: see the partitions. */
  readonly trouble: { readonly state: 'noAnswer' | 'unknown'; readonly reason: string } | null;
  readonly partitions: readonly PartitionFacts[];
}

/** What was seen of all consumers of one region. */
export interface LagFacts {
  readonly observedAtMs: number;
  readonly tookMs: number;
  readonly cluster: Observed<{
    readonly clusterId: string;
    /** Why groups may be missing from the list. */
    readonly gaps: readonly string[];
  }>;
  readonly consumers: readonly ConsumerFacts[];
  /** Kafka requests it took. */
  readonly requests: number;
}

/** Worst first. docs/lag.md defines each. */
export const STATES = [
  'lost',
  'beyond',
  'stalled',
  'growing',
  'noAnswer',
  'unknown',
  'blocked',
  'behind',
  'draining',
  'ok',
  'idle',
  'noCommits',
] as const;
export type LagState = (typeof STATES)[number];

export type PartitionState =
  | 'lost'
  | 'beyond'
  | 'stalled'
  | 'noAnswer'
  | 'unknown'
  | 'blocked'
  | 'behind'
  | 'ok'
  | 'caughtUp';

export interface PartitionLag {
  readonly topic: string;
  readonly partition: number;
  readonly state: PartitionState;
  readonly committed: bigint | null;
  readonly start: bigint | null;
  readonly end: bigint | null;
  /** Records (offsets) that are there and not consumed; null when it cannot be told. */
  readonly records: number | null;
  /** Records that were deleted before they were consumed. */
  readonly lostRecords: number;
  /** Age of the oldest record not consumed, 0 when there is none, null when it cannot be told. */
  readonly behindMs: number | null;
  readonly reason: string | null;
}

/** How well `behindMs` is known: exactly, as a lower bound (some partitions could not be told), or not at all. */
export type Certainty = 'exact' | 'atLeast' | 'untold';

/** The lag of one group or projection. */
export interface ConsumerLag {
  readonly kind: 'group' | 'projection';
  readonly name: string;
  readonly state: LagState;
  readonly reason: string | null;
  readonly groupState: string | null;
  readonly behindMs: number | null;
  readonly behindIs: Certainty;
  readonly records: number | null;
  readonly lostRecords: number;
  /** Records a second, over the window; null without two looks. Consumed is negative where positions were set back. */
  readonly producedPerS: number | null;
  readonly consumedPerS: number | null;
  /** Until the slowest partition is through at the pace of the window; null when one is not getting there. */
  readonly drainedInMs: number | null;
  readonly windowMs: number;
  readonly partitions: readonly PartitionLag[];
}
