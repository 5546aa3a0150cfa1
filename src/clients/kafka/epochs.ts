import { type Connection, offsetForLeaderEpochV4 } from '@platformatic/kafka';
import { requestFailed, wholeAnswer } from './answers.ts';
import type { Brokers } from './brokers.ts';
import { describeCluster } from './metadata.ts';
import type { EpochEnd, EpochWant } from './ports.ts';

const CONSUMER = -1;
/** The broker does not compare: whoever leads now answers. */
const ANY_CURRENT_EPOCH = -1;

/**
 * OffsetForLeaderEpoch v4 (KIP-320) to the leader of each partition: one Metadata request, then one request per leader.
 * All or nothing: throws UPL-KAFKA-REQUEST when a partition has no leader or its leader does not answer for it.
 */
export async function epochEnds(
  brokers: Brokers,
  wants: readonly EpochWant[],
  timeoutMs: number,
): Promise<EpochEnd[]> {
  if (wants.length === 0) return [];
  const state = await describeCluster(brokers, [...new Set(wants.map((want) => want.topic))], { timeoutMs });
  const leaderOf = ({ topic, partition }: EpochWant): number => {
    const found = state.topics.find(({ name }) => name === topic);
    return found?.partitions.find((one) => one.partition === partition)?.leader ?? -1;
  };
  const asked = [...Map.groupBy(wants, leaderOf)].map(async ([leader, list]) => {
    const broker = state.brokers.find(({ id }) => id === leader);
    if (broker === undefined) throw new Error(`${list.length} partitions have no leader`);
    const link = brokers.link(`${broker.host}:${broker.port}`);
    return link.request((to) => askLeader(to, list), timeoutMs);
  });
  try {
    return (await Promise.all(asked)).flat();
  } catch (error) {
    throw requestFailed('read the ends of leader epochs', error);
  }
}

async function askLeader(connection: Connection, wants: readonly EpochWant[]): Promise<EpochEnd[]> {
  const topics = [...Map.groupBy(wants, (want) => want.topic)].map(([name, list]) => ({
    name,
    partitions: list.map(({ partition, leaderEpoch }) => ({
      partitionIndex: partition,
      currentLeaderEpoch: ANY_CURRENT_EPOCH,
      leaderEpoch,
    })),
  }));
  const answer = await wholeAnswer(offsetForLeaderEpochV4.api.async(connection, CONSUMER, topics));
  return answer.topics.flatMap(({ topic, partitions }) =>
    partitions.map(({ partition, errorCode, leaderEpoch, endOffset }) => {
      if (errorCode !== 0) throw new Error(`${topic}/${partition} answered error ${errorCode}`);
      return { topic, partition, leaderEpoch, endOffset };
    }),
  );
}
