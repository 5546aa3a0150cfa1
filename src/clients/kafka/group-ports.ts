import type { ClusterState } from './ports.ts';

/** One group as its coordinator lists it. */
export interface GroupListing {
  readonly groupId: string;
  /** `Stable`, `Empty`, `PreparingRebalance`, …, as the broker writes it. */
  readonly state: string;
  /** `consumer`, `connect`, `share`, …; empty for a group that only ever committed without members. */
  readonly protocolType: string;
  /** Broker id of its coordinator; null: to be asked for. */
  readonly coordinator: number | null;
}

export interface GroupList {
  readonly state: ClusterState;
  readonly groups: readonly GroupListing[];
  /** Why groups may be missing from the list: coordinators that did not answer. Empty: the list is complete. */
  readonly gaps: readonly string[];
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface PartitionOffset extends TopicPartition {
  readonly offset: bigint;
}

/** An answer, or why there is none. */
export type Told<T> =
  | { readonly told: true; readonly value: T }
  | { readonly told: false; readonly reason: string };

/** `end`: high watermark. `stable`: first offset that an open transaction still holds back. */
export type Edge = 'start' | 'end' | 'stable';

/**
 * Where consumer groups stand in their logs, as raw requests over one connection a broker. Answers are partial on
 * purpose: a broker that is away hides only what it alone can tell, with its reason. Only an unreachable cluster
 * (UPL-KAFKA-UNREACHABLE) and refused credentials (UPL-KAFKA-AUTH) throw.
 */
export interface Groups {
  /** One Metadata request, then ListGroups to every broker: the broker that lists a group is its coordinator. */
  list(options: { readonly timeoutMs: number }): Promise<GroupList>;
  /** All committed offsets of these groups: one OffsetFetch per coordinator and 100 groups; in the order of the question. */
  committed(
    groups: readonly Pick<GroupListing, 'groupId' | 'coordinator'>[],
    options: { readonly timeoutMs: number },
  ): Promise<Told<readonly PartitionOffset[]>[]>;
  /** One end of each of these logs: one ListOffsets per leader; in the order of the question. */
  edges(
    partitions: readonly TopicPartition[],
    edge: Edge,
    options: { readonly timeoutMs: number },
  ): Promise<Told<bigint>[]>;
  /**
   * Timestamp (epoch ms) of the first data record at or after each position; null when there is none up to the high
   * watermark (transaction markers, compaction). Reads no more than it must: a Fetch per leader, larger ones only for
   * batches that did not fit. In the order of the question.
   */
  times(
    positions: readonly PartitionOffset[],
    options: { readonly timeoutMs: number },
  ): Promise<Told<number | null>[]>;
  /**
   * Commits for a group without being a member of it (OffsetCommit with generation -1, the "simple consumer"). Throws
   * UPL-KAFKA-REQUEST when it was refused (the group has members, a topic is unknown) or not answered in time; sending
   * the same again is harmless.
   */
  commit(
    groupId: string,
    offsets: readonly PartitionOffset[],
    options: { readonly timeoutMs: number },
  ): Promise<void>;
  /** Requests sent so far, connecting not counted. */
  requests(): number;
  close(): Promise<void>;
}
