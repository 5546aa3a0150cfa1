import type { ClusterState } from '../../clients/kafka/ports.ts';
import { TOPICS } from '../../contract/records.ts';
import { diffThrottles, type Throttle } from './throttles.ts';

/**
 * What a drill must put back: who is there, where replicas are, who leads, who is in sync, which replication is throttled.
 * JSON, so it can be journaled.
 */
export interface KafkaTopology {
  readonly clusterId: string;
  readonly brokers: readonly { readonly id: number; readonly rack: string | null }[];
  readonly partitions: readonly PartitionPlace[];
  /** Absent: not looked at, and then not compared. */
  readonly throttles?: readonly Throttle[] | undefined;
}

export interface PartitionPlace {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

/** The topology of a cluster now, internal topics included, in a fixed order. */
export function topologyOf(state: ClusterState): KafkaTopology {
  return {
    clusterId: state.clusterId,
    brokers: state.brokers.map(({ id, rack }) => ({ id, rack })).toSorted((a, b) => a.id - b.id),
    partitions: state.topics
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap((topic) =>
        topic.partitions
          .toSorted((a, b) => a.partition - b.partition)
          .map(({ partition, leader, replicas, isr }) => ({
            topic: topic.name,
            topicId: topic.id,
            partition,
            leader,
            replicas,
            isr: isr.toSorted((a, b) => a - b),
          })),
      ),
  };
}

/**
 * Every difference between two topologies as a sentence; empty means restored. What is better now than it was is none: an
 * ISR that has grown, a leader where there was none, the preferred leader where another one led. Both heal by themselves
 * (a follower catches up, Kafka balances leaders), and nobody could put the worse back. Replicas, racks and throttles are
 * what somebody has decided: they have to be as they were. Topics and brokers that only the second one has are not
 * differences: somebody may create one during a drill, and a drill only answers for what it found.
 */
export function diffTopology(before: KafkaTopology, after: KafkaTopology): string[] {
  if (before.clusterId !== after.clusterId) return [`cluster is ${after.clusterId}, was ${before.clusterId}`];
  const differences: string[] = [];
  for (const broker of before.brokers) {
    const now = after.brokers.find(({ id }) => id === broker.id);
    if (now === undefined)
      differences.push(`broker ${broker.id} (${broker.rack ?? 'no rack'}) is not registered`);
    else if (now.rack !== broker.rack)
      differences.push(
        `broker ${broker.id} is on rack ${now.rack ?? 'none'}, was on ${broker.rack ?? 'none'}`,
      );
  }
  const places = new Map(after.partitions.map((place) => [keyOf(place), place]));
  for (const place of before.partitions) differences.push(...diffPlace(place, places.get(keyOf(place))));
  if (before.throttles !== undefined && after.throttles !== undefined)
    differences.push(...diffThrottles(before.throttles, after.throttles));
  return differences;
}

function diffPlace(was: PartitionPlace, is: PartitionPlace | undefined): string[] {
  const name = keyOf(was);
  if (is === undefined || is.topicId !== was.topicId) return [`${name} is gone or was made again`];
  const differences: string[] = [];
  if (is.replicas.join() !== was.replicas.join())
    differences.push(`${name} replicas are ${is.replicas.join()}, were ${was.replicas.join()}`);
  if (was.isr.some((id) => !is.isr.includes(id)))
    differences.push(`${name} ISR is ${is.isr.join()}, was ${was.isr.join()}`);
  if (!ledAsWell(was, is.leader))
    differences.push(`${name} is led by ${is.leader}, was led by ${was.leader}`);
  return differences;
}

function ledAsWell(was: PartitionPlace, leader: number): boolean {
  return leader === was.leader || was.leader < 0 || leader === was.replicas[0];
}

/** "orders/3". */
export function keyOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}/${partition}`;
}

/** The broker that leads most partitions of these topics (lowest id on a tie), or undefined when none leads any. */
export function leadsMost(
  topology: KafkaTopology,
  topics: readonly string[],
): { readonly broker: number; readonly leads: number } | undefined {
  const counts = topology.brokers.map(({ id }) => ({
    broker: id,
    leads: topology.partitions.filter((place) => place.leader === id && topics.includes(place.topic)).length,
  }));
  const [most] = counts.toSorted((a, b) => b.leads - a.leads || a.broker - b.broker);
  return most === undefined || most.leads === 0 ? undefined : most;
}

/** Partitions a broker leads. */
export function ledBy(topology: KafkaTopology, broker: number): PartitionPlace[] {
  return topology.partitions.filter((place) => place.leader === broker);
}

/** How many partitions the commands topic has; 0 where there is none. */
export function commandPartitionsOf({ topics }: Pick<ClusterState, 'topics'>): number {
  return topics.find(({ name }) => name === TOPICS.commands)?.partitions.length ?? 0;
}
