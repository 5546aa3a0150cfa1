import type {
  Cluster,
  ClusterState,
  ConfigEntry,
  QuorumState,
  SilentBroker,
} from '../../clients/kafka/ports.ts';
import { type Observed, observe } from '../observed.ts';

/** One frozen look at a Kafka cluster. The parts are observed on their own: a cluster without a quorum answer still has topics. */
export interface KafkaFacts {
  readonly state: Observed<ClusterState>;
  /** Brokers that `state` holds and that did not answer for themselves. */
  readonly silent: readonly SilentBroker[];
  readonly quorum: Observed<QuorumState>;
  /** Configs of the topics asked for; absent topics are absent keys. */
  readonly topicConfigs: Observed<ReadonlyMap<string, readonly ConfigEntry[]>>;
  /** Partitions being moved, as `topic/partition`. */
  readonly reassignments: Observed<readonly string[]>;
}

export interface KafkaFactsRequest {
  readonly cluster: Cluster;
  readonly nowMs: () => number;
  /** Topics whose configs are wanted. Absent ones are left out, never an error. */
  readonly configsOf: readonly string[];
  readonly timeoutMs: number;
}

/** Collects the facts of one cluster; never throws for a cluster that is away. */
export async function collectKafkaFacts({
  cluster,
  nowMs,
  configsOf,
  timeoutMs,
}: KafkaFactsRequest): Promise<KafkaFacts> {
  const state = await observe(nowMs, () => cluster.describe({ timeoutMs }));
  if (!state.seen) return { state, silent: [], quorum: state, topicConfigs: state, reassignments: state };
  const present = configsOf.filter((name) => state.value.topics.some((topic) => topic.name === name));
  const [silent, quorum, topicConfigs, reassignments] = await Promise.all([
    cluster.silent(state.value.brokers, { timeoutMs }),
    observe(nowMs, () => cluster.quorum({ timeoutMs })),
    observe(nowMs, async () =>
      present.length === 0 ? new Map() : cluster.topicConfigs(present, { timeoutMs }),
    ),
    observe(nowMs, () => cluster.reassignments({ timeoutMs })),
  ]);
  return Object.freeze({ state, silent, quorum, topicConfigs, reassignments });
}
