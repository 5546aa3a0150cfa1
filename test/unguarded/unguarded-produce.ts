import { Kafka, logLevel, type RecordMetadata, type TopicMessages } from 'kafkajs';
import type {
  LearningProduce,
  OutRecord,
  PartitionAck,
  PartitionBatch,
} from '../../src/clients/kafka/ports.ts';
import type { KafkaTarget } from '../../src/clients/kafka/target.ts';

/** How long records are collected before they are sent together, as batching producers are usually set. */
const LINGER_MS = 25;

interface Waiting {
  readonly batch: PartitionBatch;
  readonly resolve: (ack: PartitionAck) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The control of the drill: what most services do. kafkajs with the blueprint's own setting (idempotent, acks=all),
 * one awaited `sendBatch` over all partitions, success when it resolves. It exists in the test tree only: a checker that
 * does not find its losses is broken.
 */
export async function openUnguardedProduce(target: KafkaTarget): Promise<LearningProduce> {
  const kafka = new Kafka({
    clientId: target.clientId,
    brokers: [...target.brokers],
    logLevel: logLevel.NOTHING,
  });
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 5, metadataMaxAge: 1000 });
  await producer.connect();
  const claimed = new Map<string, bigint>();
  let waiting: Waiting[] = [];
  let sending: Promise<void> | undefined;

  const sendAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      await new Promise((resolve) => setTimeout(resolve, LINGER_MS));
      const batch = waiting;
      waiting = [];
      try {
        const answers = await producer.sendBatch({ acks: -1, topicMessages: topicMessages(batch) });
        for (const one of batch) one.resolve(believe(one.batch, answers, claimed));
      } catch (error) {
        for (const one of batch) one.reject(error);
      }
    }
  };
  return {
    send(batch) {
      return new Promise<PartitionAck>((resolve, reject) => {
        waiting.push({ batch, resolve, reject });
        sending ??= sendAll().finally(() => {
          sending = undefined;
        });
      });
    },
    async learn(topic) {
      await producer.sendBatch({ acks: -1, topicMessages: [{ topic, messages: [] }] });
    },
    async close() {
      await sending;
      await producer.disconnect();
    },
  };
}

function topicMessages(waiting: readonly Waiting[]): TopicMessages[] {
  return waiting.map(({ batch }) => ({
    topic: batch.topic,
    messages: batch.records.map((record) => message(batch.partition, record)),
  }));
}

function message(partition: number, { key, value, headers }: OutRecord) {
  const named = Object.fromEntries(headers.map(([name, content]) => [name.toString('utf8'), content ?? '']));
  return { partition, key, value, headers: named };
}

/** The call resolved, so it must have worked: an answer without the partition is taken for the next offset. */
function believe(
  batch: PartitionBatch,
  answers: readonly RecordMetadata[],
  claimed: Map<string, bigint>,
): PartitionAck {
  const { topic, partition, records } = batch;
  const key = `${topic}/${partition}`;
  const answer = answers.find((one) => one.topicName === topic && one.partition === partition);
  const baseOffset =
    answer?.baseOffset === undefined ? (claimed.get(key) ?? -1n) + 1n : BigInt(answer.baseOffset);
  claimed.set(key, baseOffset + BigInt(records.length) - 1n);
  return { topic, partition, baseOffset, count: records.length };
}
