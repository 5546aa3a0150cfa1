import { type Connection, createAPI, fetchV13, Reader, type RecordsBatch } from '@platformatic/kafka';
import { wholeAnswer } from './answers.ts';

/** One partition to fetch. The leader epoch makes a broker that lost leadership say so instead of answering. */
export interface FetchWant {
  readonly topicId: string;
  readonly partition: number;
  readonly leaderEpoch: number;
  readonly nextOffset: bigint;
  readonly maxBytes: number;
}

export interface FetchGot {
  readonly topicId: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: bigint;
  readonly batches: readonly RecordsBatch[];
}

export interface FetchLimits {
  /** The broker waits this long for a first byte. */
  readonly maxWaitMs: number;
  readonly maxBytes: number;
}

/**
 * Fetch v13 (topic ids, KIP-516; Kafka 3.1 to 4.x), without a fetch session (epoch -1). @platformatic/kafka decodes the
 * batches (gzip, snappy, lz4 and zstd included) and drops a batch cut off at the end. Its parser walks the list of
 * received chunks for every byte, so the answer is made one buffer first.
 */
const fetchApi = createAPI<
  Parameters<typeof fetchV13.createRequest>,
  ReturnType<typeof fetchV13.parseResponse>
>(1, 13, fetchV13.createRequest, (correlationId, key, version, reader) =>
  fetchV13.parseResponse(correlationId, key, version, Reader.from(reader.buffer.buffer)),
);

const READ_UNCOMMITTED = 0;

/** One long poll for all these partitions of one leader. */
export async function fetchOnce(
  connection: Connection,
  wants: readonly FetchWant[],
  limits: FetchLimits,
): Promise<FetchGot[]> {
  const topics = [...Map.groupBy(wants, (want) => want.topicId)].map(([topicId, list]) => ({
    topicId,
    partitions: list.map((want) => ({
      partition: want.partition,
      currentLeaderEpoch: want.leaderEpoch,
      fetchOffset: want.nextOffset,
      lastFetchedEpoch: -1,
      partitionMaxBytes: want.maxBytes,
    })),
  }));
  const { maxWaitMs, maxBytes } = limits;
  const answer = await wholeAnswer(
    fetchApi.async(connection, maxWaitMs, 1, maxBytes, READ_UNCOMMITTED, 0, -1, topics, [], ''),
  );
  return answer.responses.flatMap(({ topicId, partitions }) =>
    partitions.map((one) => ({
      topicId,
      partition: one.partitionIndex,
      errorCode: one.errorCode === 0 ? answer.errorCode : one.errorCode,
      highWatermark: one.highWatermark,
      batches: one.records ?? [],
    })),
  );
}
