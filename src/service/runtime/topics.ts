import type { Cluster, PartitionBounds } from '../../clients/kafka/ports.ts';
import { TOPICS } from '../../contract/records.ts';
import { type Kept, retentionProblems } from '../../contract/retention.ts';
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

/**
 * Throws unless the topics keep what the commands role decides by: the broker stamps the commands itself (log time decides
 * what has expired, S8), and nothing that a restore needs is deleted before a snapshot covers it (S12).
 */
export async function checkSettings(cluster: Cluster, kept: Kept, timeoutMs: number): Promise<void> {
  const configs = await cluster.topicConfigs(Object.values(TOPICS), { timeoutMs });
  const settingsOf = (topic: string) => (name: string) =>
    configs.get(topic)?.find((entry) => entry.name === name)?.value;
  const stamps = settingsOf(TOPICS.commands)('message.timestamp.type') ?? 'unknown';
  const problems = Object.values(TOPICS).flatMap((topic) =>
    retentionProblems(topic, settingsOf(topic), kept),
  );
  if (stamps !== 'LogAppendTime')
    problems.unshift(`${TOPICS.commands} has message.timestamp.type ${stamps}, it has to be LogAppendTime`);
  if (problems.length > 0) throw new UpliftError('UPL-KAFKA-REQUEST', { message: problems.join('; ') });
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
