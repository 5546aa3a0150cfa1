import type { Cluster } from '../clients/kafka/ports.ts';
import { UpliftError } from '../core/error.ts';
import type { ErrorCode } from '../core/error-table.ts';
import { collectKafkaFacts } from '../facts/kafka/cluster.ts';
import type { Unseen } from '../facts/observed.ts';
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
  if (!facts.state.seen) throw unseen(facts.state, 'UPL-KAFKA-UNREACHABLE');
  if (!facts.topicConfigs.seen) throw unseen(facts.topicConfigs, 'UPL-KAFKA-REQUEST');
  const silent = facts.silent.map(({ id }) => id);
  return { region, state: facts.state.value, configs: facts.topicConfigs.value, silent };
}

/** The failure as it was before it became a fact: a refused login is no unreachable cluster. */
function unseen({ reason, code, next }: Unseen, otherwise: ErrorCode): UpliftError {
  const hint = code === undefined || code === 'UPL-KAFKA-UNREACHABLE' ? 'uplift sandbox status' : next;
  return new UpliftError(code ?? otherwise, {
    message: reason,
    ...(hint === undefined ? {} : { next: hint }),
  });
}
