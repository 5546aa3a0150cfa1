import type { Cluster, ClusterState, ConfigEntry } from '../../clients/kafka/ports.ts';
import type { KafkaFacts } from '../../facts/kafka/cluster.ts';
import { type Observed, observe } from '../../facts/observed.ts';
import { lookAtTopicConfigs } from './isr.ts';
import { ELECTION_SETTINGS } from './quorum.ts';
import { BROKER_THROTTLES, type Throttle, throttlesOf } from './throttles.ts';
import { type KafkaTopology, topologyOf } from './topology.ts';

/** Explains how fast the loss of a broker is noticed. */
export const SESSION_TIMEOUT = 'broker.session.timeout.ms';

type BrokerConfigs = Observed<ReadonlyMap<number, readonly ConfigEntry[]>>;

/** What a drill on Kafka knows before it judges whether it may begin. */
export interface Looked {
  /** `topicConfigs`: min ISR and throttles of every topic of the cluster. */
  readonly kafka: KafkaFacts;
  readonly topology: KafkaTopology;
  readonly throttlesUnread: string | undefined;
  readonly brokerConfigs: BrokerConfigs;
}

/** Looks at the configs of every broker and every topic, beside what the checks have seen. Never throws. */
export async function lookFurther(
  cluster: Pick<Cluster, 'topicConfigs' | 'brokerConfigs'>,
  facts: KafkaFacts,
  state: ClusterState,
  how: { readonly nowMs: () => number; readonly timeoutMs: number },
): Promise<Looked> {
  const topology = topologyOf(state);
  const ids = topology.brokers.map(({ id }) => id);
  const only = [...BROKER_THROTTLES, SESSION_TIMEOUT, ...ELECTION_SETTINGS];
  const [topicConfigs, brokerConfigs] = await Promise.all([
    lookAtTopicConfigs(cluster, topology, how),
    observe(how.nowMs, () => cluster.brokerConfigs(ids, { timeoutMs: how.timeoutMs, only })),
  ]);
  const throttles = readThrottles(ids, brokerConfigs, topicConfigs);
  const unread = typeof throttles === 'string' ? throttles : undefined;
  return {
    kafka: { ...facts, topicConfigs },
    topology: typeof throttles === 'string' ? topology : { ...topology, throttles },
    throttlesUnread: unread,
    brokerConfigs,
  };
}

/** Pure: the throttles, or why not all of them could be read. */
function readThrottles(
  ids: readonly number[],
  brokers: BrokerConfigs,
  topics: KafkaFacts['topicConfigs'],
): Throttle[] | string {
  if (!brokers.seen) return brokers.reason;
  if (!topics.seen) return topics.reason;
  const silent = ids.filter((id) => !brokers.value.has(id));
  if (silent.length > 0) return `broker ${silent.join(', ')} did not answer for itself`;
  return throttlesOf(brokers.value, topics.value);
}
