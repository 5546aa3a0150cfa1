/**
 * The Kafka ports. Small on purpose, and shaped so that the unsafe way cannot be written:
 * `Produce.send` takes the records of exactly one partition (docs/architecture.md, "The safe producer").
 * Offsets are bigint everywhere; topic ids are UUID strings; errors are UpliftError.
 */
export type * from './cluster-ports.ts';

/** One record header. Order matters and keys may repeat; a value may be null (Kafka protocol, record batch v2). */
export type Header = readonly [key: Buffer, value: Buffer | null];

export interface OutRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
}

/** Records of ONE partition, in order. */
export interface PartitionBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly OutRecord[];
}

/** All in-sync replicas (acks=all) have the records at baseOffset … baseOffset + count - 1. */
export interface PartitionAck {
  readonly topic: string;
  readonly partition: number;
  readonly baseOffset: bigint;
  readonly count: number;
}

export interface Produce {
  /**
   * Writes one partition's records with acks=all. At most one send per partition is outstanding: further calls for the
   * same partition wait their turn in a bounded queue. Resolves only when the answer held that partition and a rising
   * offset. After a failure the adapter discards its client and sends again until `deadlineMs` is over: a record can
   * then stand twice in the log (same bytes), so readers dedupe by event id.
   * `deadlineMs` is a duration that begins with the call.
   * Throws UPL-KAFKA-PRODUCE when the deadline passed (outcome unknown), UPL-KAFKA-HEADERS for headers it cannot carry,
   * UPL-KAFKA-OVERLOADED when nothing was sent (queue full, closed, or the deadline passed while it waited),
   * UPL-KAFKA-REQUEST when Kafka refused the records as such (too large): nothing was written either.
   */
  send(batch: PartitionBatch, options: { readonly deadlineMs: number }): Promise<PartitionAck>;
  close(): Promise<void>;
}

/** A Produce that can get to know a topic before its first send. */
export interface LearningProduce extends Produce {
  /**
   * Resolves once it knows who leads the partitions of the topic, so that the first send need not ask. Writes nothing.
   * Throws when nobody told it in time; asking again may work.
   */
  learn(topic: string, options: { readonly timeoutMs: number }): Promise<void>;
}

/** Where to read next. A topic id that no longer matches the topic stops the read (S3), it is never ignored. */
export interface ReadPosition {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly nextOffset: bigint;
}

export interface InRecord {
  readonly offset: bigint;
  readonly leaderEpoch: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
}

/** Records of one partition, ascending, without holes below `nextOffset` (control records are skipped but counted in it). */
export interface RecordBatch {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly records: readonly InRecord[];
  /** Offset to ask for after this batch. It may move on without records: control records, compaction. */
  readonly nextOffset: bigint;
  /** First offset not yet readable, as the leader said with this batch. */
  readonly highWatermark: bigint;
}

export interface PartitionBounds {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** First offset still in the log. */
  readonly startOffset: bigint;
  /** High watermark: first offset not yet readable. */
  readonly endOffset: bigint;
  readonly leaderEpoch: number;
}

/** A running read over a fixed set of partitions. It reconnects and follows leaders by itself until closed. */
export interface Reader {
  /**
   * Next batch of any partition, or undefined when `waitMs` passed without one (that is not an end: a reader has none).
   * Throws UPL-KAFKA-OUT-OF-RANGE when a position is not in the log or its topic id changed, on every call until that
   * partition is sought anew; the owner decides what to do with the others (open a reader without it, or stop).
   */
  next(waitMs: number): Promise<RecordBatch | undefined>;
  /** Continue partition at this offset; buffered records of the partition are dropped. */
  seek(topic: string, partition: number, nextOffset: bigint): void;
  /** Since when (monotonic ms) each partition has had no successful fetch, for readiness: 0 entries = all served. */
  stalled(
    olderThanMs: number,
  ): readonly { topic: string; partition: number; sinceMs: number; reason: string }[];
  close(): Promise<void>;
}

/** A leader epoch of one partition, as it stands on a record. */
export interface EpochWant {
  readonly topic: string;
  readonly partition: number;
  readonly leaderEpoch: number;
}

/** The largest epoch not above the one asked for that the leader knows, and the first offset after it; -1 and -1: none. */
export interface EpochEnd {
  readonly topic: string;
  readonly partition: number;
  readonly leaderEpoch: number;
  readonly endOffset: bigint;
}

/** A moment in one partition's log. */
export interface TimeWant {
  readonly topic: string;
  readonly partition: number;
  readonly timestampMs: number;
}

/** The first record whose timestamp is at or after the moment asked for; null when there is none. */
export interface OffsetAtTime {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly offset: bigint | null;
}

export interface ReaderOptions {
  /**
   * Pause after an answer with records before the next question to the same broker (default 10): it adds at most that much
   * latency, and records that come in quick succession share a request.
   */
  readonly gatherMs?: number;
  /**
   * Fetched and not yet taken, about, all partitions together (default 32 MiB). It is shared out evenly among the
   * partitions, 64 KiB each at least, and a partition is not asked for more than its share in one answer.
   */
  readonly maxBufferedBytes?: number;
}

export interface Read {
  bounds(topics: readonly string[], options: { readonly timeoutMs: number }): Promise<PartitionBounds[]>;
  /** Offsets by time (ListOffsets), each partition once a call. Errors as of `bounds`. */
  offsetsAt(wants: readonly TimeWant[], options: { readonly timeoutMs: number }): Promise<OffsetAtTime[]>;
  open(positions: readonly ReadPosition[], options?: ReaderOptions): Reader;
  /** Where epochs end on today's leaders: an end below a stored position says that the log was cut under it (KIP-320). */
  epochEnds(wants: readonly EpochWant[], options: { readonly timeoutMs: number }): Promise<EpochEnd[]>;
  close(): Promise<void>;
}
