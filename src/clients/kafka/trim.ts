import { deleteRecordsV2 } from '@platformatic/kafka';
import { wholeAnswer } from './answers.ts';
import { Brokers } from './brokers.ts';
import type { PartitionOffset, Told } from './group-ports.ts';
import { askLeaders, Directory } from './leaders.ts';
import { refusal } from './log-edges.ts';
import type { KafkaTarget } from './target.ts';

const MAX_PER_REQUEST = 5000;

/** Takes the beginning of logs away. */
export interface Trim {
  /**
   * Deletes every record below these offsets (DeleteRecords v2, one request a leader) and answers where each log begins
   * then, in the order of the question. Sent again it changes nothing. Only an unreachable cluster
   * (UPL-KAFKA-UNREACHABLE) and refused credentials (UPL-KAFKA-AUTH) throw.
   */
  below(
    offsets: readonly PartitionOffset[],
    options: { readonly timeoutMs: number },
  ): Promise<Told<bigint>[]>;
  close(): Promise<void>;
}

/** Trim over raw requests: one connection a broker, opened when it is first needed. The caller closes it. */
export function openTrim(target: KafkaTarget): Trim {
  const brokers = new Brokers(target);
  const directory = new Directory(brokers);
  return {
    below: (offsets, { timeoutMs }) => below(directory, offsets, timeoutMs),
    close: () => Promise.resolve(brokers.close()),
  };
}

function below(
  directory: Directory,
  offsets: readonly PartitionOffset[],
  timeoutMs: number,
): Promise<Told<bigint>[]> {
  const options = { timeoutMs, maxPerRequest: MAX_PER_REQUEST };
  return askLeaders(directory, offsets, options, async (to, asked) => {
    const topics = [...Map.groupBy(asked, ({ want }) => want.topic)].map(([name, list]) => ({
      name,
      partitions: list.map(({ want }) => ({ partitionIndex: want.partition, offset: want.offset })),
    }));
    const answer = await wholeAnswer(deleteRecordsV2.api.async(to, topics, timeoutMs));
    const results = new Map(
      answer.topics.flatMap(({ name, partitions }) =>
        partitions.map((one) => [`${name}/${one.partitionIndex}`, one] as const),
      ),
    );
    return asked.map(({ want }) => {
      const result = results.get(`${want.topic}/${want.partition}`);
      if (result === undefined) return { kind: 'stale', reason: 'its leader left it out of the answer' };
      if (result.errorCode !== 0) return refusal(result.errorCode);
      return { kind: 'value', value: result.lowWatermark };
    });
  });
}
