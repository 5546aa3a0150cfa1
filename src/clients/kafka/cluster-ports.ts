/** Ports over the cluster itself: brokers, topics, configurations, leadership. Part of `ports.ts`. */

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
  /** `only`: the names that are wanted, default all. */
  topicConfigs(
    topics: readonly string[],
    options: { readonly timeoutMs: number; readonly only?: readonly string[] },
  ): Promise<ReadonlyMap<string, readonly ConfigEntry[]>>;
  /** A broker that does not answer is left out. `only` as above. */
  brokerConfigs(
    brokerIds: readonly number[],
    options: { readonly timeoutMs: number; readonly only?: readonly string[] },
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
  /**
   * AlterPartitionReassignments (KIP-455) for all partitions in one request. With the replicas it has in another order a
   * partition gets another preferred leader and no data moves. Per-partition errors are in the answer.
   */
  reassign(
    partitions: readonly {
      readonly topic: string;
      readonly partition: number;
      readonly replicas: readonly number[];
    }[],
    options: { readonly timeoutMs: number },
  ): Promise<
    readonly { readonly topic: string; readonly partition: number; readonly error: string | null }[]
  >;
  /** Preferred election (KIP-460, request 43 v2) for these partitions: 'elected' | 'notNeeded' | an error name, per partition. */
  electPreferred(
    partitions: readonly { readonly topic: string; readonly partition: number }[],
    options: { readonly timeoutMs: number },
  ): Promise<readonly { readonly topic: string; readonly partition: number; readonly result: string }[]>;
}
