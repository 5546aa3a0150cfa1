import type { Broker, PartitionState, TopicState } from '../clients/kafka/ports.ts';
import type { Finding } from '../core/finding.ts';
import { differencesOf, type TopicsFacts } from './plan.ts';
import type { DesiredTopic } from './section.ts';

/** Compares what uplift.yaml declares with what the cluster says it has: one finding per topic. */
export function verifyTopics(facts: TopicsFacts, desired: readonly DesiredTopic[]): Finding[] {
  return desired.map((topic) => verifyTopic(facts, topic));
}

function verifyTopic({ region, state, configs, silent }: TopicsFacts, topic: DesiredTopic): Finding {
  const base = {
    id: 'kafka.topic.declared',
    title: `${topic.name} is as declared`,
    region,
    promise: { source: 'file', text: topic.origin } as const,
  };
  const existing = state.topics.find(({ name }) => name === topic.name);
  if (existing === undefined) {
    const evidence = [{ query: 'Metadata', value: 'no such topic' }];
    return {
      ...base,
      status: 'fail',
      summary: `${topic.name}: does not exist`,
      evidence,
      next: 'uplift topics plan',
    };
  }
  const differences = differencesOf(topic, existing, configs.get(topic.name) ?? []);
  const placed = placementProblems(existing, state.brokers, silent);
  const problems = [...differences.map((d) => `${d.what} is ${d.is}, declared ${d.shouldBe}`), ...placed];
  const evidence = [{ query: 'Metadata + DescribeConfigs', value: shapeOf(existing) }];
  if (problems.length > 0) {
    return {
      ...base,
      status: 'fail',
      summary: `${topic.name}: ${problems.slice(0, 3).join('; ')}`,
      evidence,
      next: 'uplift topics plan',
    };
  }
  return { ...base, status: 'pass', summary: `${topic.name}: ${shapeOf(existing)}`, evidence };
}

function shapeOf(topic: TopicState): string {
  const factors = new Set(topic.partitions.map((p) => p.replicas.length));
  return `${topic.partitions.length} partitions, RF ${[...factors].join('/')}`;
}

/** Partitions whose replicas share a rack although another rack is free, and partitions without a full ISR. */
export function placementProblems(
  topic: TopicState,
  brokers: readonly Broker[],
  silent: readonly number[] = [],
): string[] {
  const rackOf = new Map(brokers.map(({ id, rack }) => [id, rack ?? `no-rack-${id}`]));
  const racks = new Set(rackOf.values()).size;
  const crowded = topic.partitions.filter(
    (p) => racksOf(p, rackOf).size < Math.min(racks, p.replicas.length),
  );
  const inSync = (p: PartitionState): number => p.isr.filter((id) => !silent.includes(id)).length;
  const thin = topic.partitions.filter((p) => inSync(p) < p.replicas.length);
  const problems: string[] = [];
  if (crowded.length > 0) problems.push(`${crowded.length} partitions have two replicas in one rack`);
  if (thin.length > 0) problems.push(`${thin.length} partitions lack in-sync replicas`);
  return problems;
}

function racksOf(partition: PartitionState, rackOf: ReadonlyMap<number, string>): Set<string> {
  // A broker that is away has no known rack: it counts as one of its own, its absence shows in the ISR.
  return new Set(partition.replicas.map((id) => rackOf.get(id) ?? `away-${id}`));
}
