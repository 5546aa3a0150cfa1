import { metadataV12 } from '@platformatic/kafka';
import { AskAnother, errorName, requestFailed, wholeAnswer } from './answers.ts';
import type { AskOptions, Brokers } from './brokers.ts';
import type { ClusterState, TopicState } from './ports.ts';

const UNKNOWN_TOPIC = 3;
/** Codes on a topic or partition that describe its state (no leader, a replica away) and hide nothing of the answer. */
const STATES = new Set([0, 5, 9]);

/** Brokers, topics, leaders and ISR in one Metadata request (v12, KIP-516 topic ids) to any broker. */
export async function describeCluster(
  brokers: Brokers,
  topics: readonly string[] | undefined,
  ask: AskOptions,
): Promise<ClusterState> {
  const what = topics === undefined ? 'describe its topics' : `describe ${topics.join(', ')}`;
  const answer = await brokers.any(what, ask, async (connection) => {
    const names = topics === undefined ? null : topics.map((name) => ({ name }));
    const whole = await wholeAnswer(metadataV12.api.async(connection, names, false));
    // A broker that has just started and knows nobody yet is no answer.
    if (whole.brokers.length === 0) throw new AskAnother('it knows no brokers yet');
    return whole;
  });
  const known = answer.brokers.map(({ nodeId, host, port, rack }) => ({
    id: nodeId,
    host,
    port,
    rack: rack ?? null,
  }));
  brokers.learn(known);
  const found: TopicState[] = [];
  for (const topic of answer.topics) {
    if (topic.errorCode === UNKNOWN_TOPIC || topic.name === null || topic.name === undefined) continue;
    if (!STATES.has(topic.errorCode))
      throw requestFailed(`describe ${topic.name}`, new Error(errorName(topic.errorCode)));
    found.push({
      name: topic.name,
      id: topic.topicId,
      internal: topic.isInternal,
      partitions: topic.partitions
        .map((one) => ({
          partition: one.partitionIndex,
          leader: one.leaderId,
          leaderEpoch: one.leaderEpoch,
          replicas: one.replicaNodes,
          isr: one.isrNodes,
          offlineReplicas: one.offlineReplicas,
        }))
        .toSorted((a, b) => a.partition - b.partition),
    });
  }
  return { clusterId: answer.clusterId ?? '', brokers: known.toSorted((a, b) => a.id - b.id), topics: found };
}
