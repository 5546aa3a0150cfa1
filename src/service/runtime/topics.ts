import type { Cluster, PartitionBounds, ReadPosition } from '../../clients/kafka/ports.ts';
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

/** Throws unless the broker stamps the records of this topic itself: log time decides what has expired (S8). */
export async function checkLogTime(cluster: Cluster, topic: string, timeoutMs: number): Promise<void> {
  const configs = await cluster.topicConfigs([topic], { timeoutMs });
  const type = configs.get(topic)?.find((entry) => entry.name === 'message.timestamp.type')?.value;
  if (type === 'LogAppendTime') return;
  throw new UpliftError('UPL-KAFKA-REQUEST', {
    message: `${topic} has message.timestamp.type ${type ?? 'unknown'}, it has to be LogAppendTime`,
  });
}

/** The bounds of one partition; throws when the answer lacks it. */
export function boundsOf(
  bounds: readonly PartitionBounds[],
  topic: string,
  partition: number,
): PartitionBounds {
  const found = bounds.find((each) => each.topic === topic && each.partition === partition);
  if (found !== undefined) return found;
  throw new UpliftError('UPL-KAFKA-REQUEST', { message: `no answer about ${topic}/${partition}` });
}

/** A position to read from, carrying the topic id that the bounds were read under. */
export function positionOf(
  bounds: readonly PartitionBounds[],
  topic: string,
  partition: number,
  nextOffset: bigint,
): ReadPosition {
  return { topic, topicId: boundsOf(bounds, topic, partition).topicId, partition, nextOffset };
}
