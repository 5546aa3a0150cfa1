import { type Connection, listOffsetsV7 } from '@platformatic/kafka';
import { wholeAnswer } from './answers.ts';

/** One partition to ask for; a leader epoch of -1 is not compared. */
export interface OffsetWant {
  readonly topic: string;
  readonly partition: number;
  readonly leaderEpoch: number;
}

export interface OffsetGot {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly offset: bigint;
}

export const EARLIEST = -2n;
/** The high watermark, or under READ_COMMITTED the last stable offset. */
export const LATEST = -1n;

export const READ_UNCOMMITTED = 0;
export const READ_COMMITTED = 1;

/** ListOffsets v7 takes each partition once a request, hence one request for each end of the log. Error codes are kept. */
export async function listOffsets<W extends OffsetWant>(
  connection: Connection,
  wants: readonly W[],
  timestampOf: (want: W) => bigint,
  isolation = READ_UNCOMMITTED,
): Promise<OffsetGot[]> {
  const topics = [...Map.groupBy(wants, (want) => want.topic)].map(([name, list]) => ({
    name,
    partitions: list.map((want) => ({
      partitionIndex: want.partition,
      currentLeaderEpoch: want.leaderEpoch,
      timestamp: timestampOf(want),
    })),
  }));
  const answer = await wholeAnswer(listOffsetsV7.api.async(connection, -1, isolation, topics));
  return answer.topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, errorCode, offset }) => ({
      topic: name,
      partition: partitionIndex,
      errorCode,
      offset,
    })),
  );
}
