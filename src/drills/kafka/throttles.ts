import type { Cluster, ConfigEntry } from '../../clients/kafka/ports.ts';

/** What makes replication slow on purpose, of brokers and of topics (KIP-73): set for a move of data, forgotten after it. */
export const BROKER_THROTTLES = ['leader.replication.throttled.rate', 'follower.replication.throttled.rate'];
export const TOPIC_THROTTLES = [
  'leader.replication.throttled.replicas',
  'follower.replication.throttled.replicas',
];
/** Java's largest long, Kafka's word for no limit. */
const UNLIMITED = '9223372036854775807';

/** One throttle that is set. JSON, so it can be journaled. */
export interface Throttle {
  /** "broker 2", "topic orders". */
  readonly of: string;
  readonly name: string;
  readonly value: string;
}

type Configs<K> = ReadonlyMap<K, readonly ConfigEntry[]>;

/** Pure: the throttles that are set, in a fixed order. */
export function throttlesOf(brokers: Configs<number>, topics: Configs<string>): Throttle[] {
  const set = (of: string, configs: readonly ConfigEntry[], names: readonly string[]): Throttle[] =>
    configs.flatMap(({ name, value }) =>
      names.includes(name) && value !== null && value !== '' && value !== UNLIMITED
        ? [{ of, name, value }]
        : [],
    );
  return [
    ...[...brokers].flatMap(([id, configs]) => set(`broker ${id}`, configs, BROKER_THROTTLES)),
    ...[...topics].flatMap(([topic, configs]) => set(`topic ${topic}`, configs, TOPIC_THROTTLES)),
  ].toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

/** Pure: every throttle that is another one now, as sentences. */
export function diffThrottles(before: readonly Throttle[], after: readonly Throttle[]): string[] {
  const [were, are] = [before, after].map((all) => new Map(all.map((each) => [keyOf(each), each.value])));
  const keys = [...new Set([...before, ...after].map(keyOf))];
  return keys.flatMap((key) => {
    const [was, is] = [were?.get(key), are?.get(key)];
    return was === is ? [] : [`${key} is ${is ?? 'not set'}, was ${was ?? 'not set'}`];
  });
}

/** The throttles of these brokers and topics now. Throws where a broker does not answer for itself. */
export async function lookAtThrottles(
  cluster: Pick<Cluster, 'brokerConfigs' | 'topicConfigs'>,
  of: { readonly brokers: readonly number[]; readonly topics: readonly string[] },
  timeoutMs: number,
): Promise<Throttle[]> {
  const [brokers, topics] = await Promise.all([
    cluster.brokerConfigs(of.brokers, { timeoutMs, only: BROKER_THROTTLES }),
    cluster.topicConfigs(of.topics, { timeoutMs, only: TOPIC_THROTTLES }),
  ]);
  const silent = of.brokers.filter((id) => !brokers.has(id));
  if (silent.length > 0) throw new Error(`throttles of broker ${silent.join(', ')} were not read`);
  return throttlesOf(brokers, topics);
}

const keyOf = ({ of, name }: Pick<Throttle, 'of' | 'name'>): string => `${of}: ${name}`;
