import { Kafka, logLevel } from 'kafkajs';
import type { LearningProduce } from '../../src/clients/kafka/ports.ts';
import type { KafkaTarget } from '../../src/clients/kafka/target.ts';

/**
 * The control of the store probe: a producer to which the leader's word is enough (acks=1). It exists in the test tree only:
 * a probe that does not find its losses is broken. It asks for metadata only when a leader is gone, since brokers that hang
 * would hold it up.
 */
export async function openAcksOneProduce(target: KafkaTarget): Promise<LearningProduce> {
  const kafka = new Kafka({
    clientId: target.clientId,
    brokers: [...target.brokers],
    logLevel: logLevel.NOTHING,
    requestTimeout: 2000,
    connectionTimeout: 1000,
    retry: { initialRetryTime: 100, maxRetryTime: 300, retries: 30 },
  });
  const producer = kafka.producer({ allowAutoTopicCreation: false, createPartitioner: () => named });
  await producer.connect();
  return {
    async send({ topic, partition, records }) {
      const messages = records.map(({ key, value }) => ({ key, value, partition }));
      const answers = await producer.send({ topic, messages, acks: 1, timeout: 2000 });
      const baseOffset = BigInt(answers[0]?.baseOffset ?? '-1');
      return { topic, partition, baseOffset, count: records.length };
    },
    async learn(topic) {
      await producer.sendBatch({ acks: 1, topicMessages: [{ topic, messages: [] }] });
    },
    close: () => producer.disconnect(),
  };
}

const named = ({ message }: { readonly message: { readonly partition?: number } }): number =>
  message.partition ?? -1;
