/**
 * The Kafka ports. Small on purpose, and shaped so that the unsafe way cannot be written:
 * `Produce.send` takes the records of exactly one partition (docs/architecture.md, "The safe producer").
 * Offsets are bigint everywhere; topic ids are UUID strings; errors are UpliftError.
 */

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

export interface Read {
  bounds(topics: readonly string[], options: { readonly timeoutMs: number }): Promise<PartitionBounds[]>;
  /** Offsets by time (ListOffsets), each partition once a call. Errors as of `bounds`. */
  offsetsAt(wants: readonly TimeWant[], options: { readonly timeoutMs: number }): Promise<OffsetAtTime[]>;
  /**
   * Starts reading. `gatherMs` (default 10) is the pause after an answer with records before the next question to the
   * same broker: it adds at most that much latency, and records that come in quick succession share a request.
   */
  open(positions: readonly ReadPosition[], options?: { readonly gatherMs?: number }): Reader;
  /** Where epochs end on today's leaders: an end below a stored position says that the log was cut under it (KIP-320). */
  epochEnds(wants: readonly EpochWant[], options: { readonly timeoutMs: number }): Promise<EpochEnd[]>;
  close(): Promise<void>;
}

export interface Broker {
  readonly id: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

export interface PartitionState {
  readonly partition: number;
  /** -1 when there is no leader. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly offlineReplicas: readonly number[];
}

export interface TopicState {
  readonly name: string;
  readonly id: string;
  readonly internal: boolean;
  readonly partitions: readonly PartitionState[];
}

export interface ClusterState {
  readonly clusterId: string;
  /** Brokers registered and not fenced. */
  readonly brokers: readonly Broker[];
  readonly topics: readonly TopicState[];
}

export interface QuorumState {
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly voters: readonly {
    readonly id: number;
    readonly logEndOffset: bigint;
    readonly lastCaughtUpMs: number;
  }[];
}

export interface ConfigEntry {
  readonly name: string;
  readonly value: string | null;
  /** True when the value was set on this very topic or broker (dynamically), false when inherited or default. */
  readonly own: boolean;
}

export interface TopicSpec {
  readonly name: string;
  /** Replicas per partition, the preferred leader first: index = partition. */
  readonly assignment: readonly (readonly number[])[];
  readonly configs: Readonly<Record<string, string>>;
}

export interface TopicResult {
  readonly name: string;
  /** Null when it worked, else Kafka's error name, e.g. TOPIC_ALREADY_EXISTS. */
  readonly error: string | null;
  readonly message: string | null;
}

/** A broker that is registered and does not answer. */
export interface SilentBroker {
  readonly id: number;
  readonly address: string;
  /** In a few words, such as "connection refused". */
  readonly reason: string;
}

/** Reads of cluster state; every call asks any live broker, one request a call wherever the protocol allows it. */
export interface Cluster {
  /** All topics, or only these (absent ones are left out of the answer). */
  describe(options: {
    readonly topics?: readonly string[];
    readonly timeoutMs: number;
  }): Promise<ClusterState>;
  quorum(options: { readonly timeoutMs: number }): Promise<QuorumState>;
  topicConfigs(
    topics: readonly string[],
    options: { readonly timeoutMs: number },
  ): Promise<ReadonlyMap<string, readonly ConfigEntry[]>>;
  brokerConfigs(
    brokerIds: readonly number[],
    options: { readonly timeoutMs: number },
  ): Promise<ReadonlyMap<number, readonly ConfigEntry[]>>;
  /**
   * Asks each of these brokers for itself; those that do not answer, and why. For the length of its session a dead broker
   * is still registered, led by and in every ISR. Never throws.
   */
  silent(
    brokers: readonly Broker[],
    options: { readonly timeoutMs: number },
  ): Promise<readonly SilentBroker[]>;
  /** Partitions being moved now, as `topic/partition`. */
  reassignments(options: { readonly timeoutMs: number }): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Changes to topics and leadership. */
export interface Topics {
  /** One request for all topics. Per-topic errors are in the answer; an unreachable cluster throws. */
  create(
    specs: readonly TopicSpec[],
    options: { readonly validateOnly: boolean; readonly timeoutMs: number },
  ): Promise<TopicResult[]>;
  /** Preferred election (KIP-460, request 43 v2) for these partitions: 'elected' | 'notNeeded' | an error name, per partition. */
  electPreferred(
    partitions: readonly { readonly topic: string; readonly partition: number }[],
    options: { readonly timeoutMs: number },
  ): Promise<readonly { readonly topic: string; readonly partition: number; readonly result: string }[]>;
}
