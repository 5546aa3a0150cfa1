import type { Cluster } from '../clients/kafka/ports.ts';
import { UpliftError } from '../core/error.ts';
import { collectKafkaFacts } from '../facts/kafka/cluster.ts';
import type { TopicsFacts } from './plan.ts';
import type { DesiredTopic } from './section.ts';

/** Looks at a cluster for planning or verifying; commands without a verdict throw when it is away (69). */
export async function observeTopics(request: {
  readonly region: string;
  readonly cluster: Cluster;
  readonly desired: readonly DesiredTopic[];
  readonly nowMs: () => number;
  readonly timeoutMs: number;
}): Promise<TopicsFacts> {
  const { region, cluster, desired, nowMs, timeoutMs } = request;
  const facts = await collectKafkaFacts({
    cluster,
    nowMs,
    timeoutMs,
    configsOf: desired.map(({ name }) => name),
  });
  if (!facts.state.seen)
    throw new UpliftError('UPL-KAFKA-UNREACHABLE', {
      message: facts.state.reason,
      next: 'uplift sandbox status',
    });
  if (!facts.topicConfigs.seen)
    throw new UpliftError('UPL-KAFKA-REQUEST', { message: facts.topicConfigs.reason });
  return { region, state: facts.state.value, configs: facts.topicConfigs.value };
}
