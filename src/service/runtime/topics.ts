import type { Cluster } from '../../clients/kafka/ports.ts';
import { UpliftError } from '../../core/error.ts';

export interface TopicCheck {
  readonly names: readonly string[];
  readonly partitions: number;
  readonly timeoutMs: number;
  /** The cluster answered, and a topic is not as it has to be; an unreachable cluster does not call this. */
  readonly onDiffer?: () => void;
}

/** Topic ids by name. Throws unless every topic is there with exactly `partitions` partitions (S12). */
export async function checkTopics(cluster: Cluster, check: TopicCheck): Promise<ReadonlyMap<string, string>> {
  const { topics } = await cluster.describe({ topics: check.names, timeoutMs: check.timeoutMs });
  const ids = new Map<string, string>();
  for (const name of check.names) {
    const topic = topics.find((each) => each.name === name);
    const found = topic?.partitions.length ?? 0;
    if (topic === undefined || found !== check.partitions) {
      check.onDiffer?.();
      throw new UpliftError('UPL-KAFKA-REQUEST', {
        message:
          topic === undefined
            ? `topic ${name} does not exist yet`
            : `topic ${name} has ${found} partitions, TOPIC_PARTITIONS is ${check.partitions}`,
      });
    }
    ids.set(name, topic.id);
  }
  return ids;
}
