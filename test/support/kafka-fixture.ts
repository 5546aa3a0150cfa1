import { expect } from 'vitest';
import {
  type InRecord,
  type LearningProduce,
  type OutRecord,
  openCluster,
  openProduce,
  openRead,
  openTopics,
  type Read,
  type ReadPosition,
} from '../../src/clients/kafka/index.ts';
import { waitFor } from '../../src/core/wait.ts';
import { startKafka, type TestKafka } from './kafka-cluster.ts';

const timeoutMs = 10_000;

/** Three brokers with every client of ours opened on them, and the few things most tests of them do. */
export interface KafkaFixture {
  readonly kafka: TestKafka;
  readonly cluster: ReturnType<typeof openCluster>;
  readonly topics: ReturnType<typeof openTopics>;
  readonly produce: LearningProduce;
  readonly read: Read;
  /** A topic with three replicas; partition p is led by broker p % 3 + 1. */
  create(name: string, partitions: number, configs?: Record<string, string>): Promise<void>;
  /** The first offset of every partition. */
  positions(topic: string): Promise<ReadPosition[]>;
  /** Everything between the first and the last offset of the topic, by partition. */
  readAll(topic: string): Promise<Map<number, InRecord[]>>;
  close(): Promise<void>;
}

export async function openKafkaFixture(name: string): Promise<KafkaFixture> {
  const kafka = await startKafka(name);
  const cluster = openCluster(kafka.target);
  const topics = openTopics(kafka.target);
  const produce = await openProduce(kafka.target);
  const read = openRead(kafka.target);

  async function create(
    topic: string,
    partitions: number,
    configs: Record<string, string> = {},
  ): Promise<void> {
    const assignment = Array.from({ length: partitions }, (_, at) =>
      [0, 1, 2].map((i) => ((at + i) % 3) + 1),
    );
    const specs = [{ name: topic, assignment, configs: { 'min.insync.replicas': '2', ...configs } }];
    const results = await topics.create(specs, { validateOnly: false, timeoutMs });
    expect(results).toEqual([{ name: topic, error: null, message: null }]);
    const led = async (): Promise<boolean | undefined> => {
      const state = await cluster.describe({ topics: [topic], timeoutMs });
      return state.topics[0]?.partitions.every((one) => one.leader > 0);
    };
    await waitFor(led, { what: `leaders of ${topic}`, timeoutMs });
  }

  async function positions(topic: string): Promise<ReadPosition[]> {
    const all = await read.bounds([topic], { timeoutMs });
    return all.map(({ topicId, partition, startOffset }) => ({
      topic,
      topicId,
      partition,
      nextOffset: startOffset,
    }));
  }

  async function readAll(topic: string): Promise<Map<number, InRecord[]>> {
    const ends = await read.bounds([topic], { timeoutMs });
    const filled = ends.filter((one) => one.endOffset > one.startOffset);
    const open = new Map(filled.map((one) => [one.partition, one.endOffset]));
    const found = new Map<number, InRecord[]>(ends.map((one) => [one.partition, []]));
    const reader = read.open(await positions(topic));
    const endsAtMs = performance.now() + 20_000;
    while (open.size > 0 && performance.now() < endsAtMs) {
      const batch = await reader.next(1000);
      if (batch === undefined) continue;
      found.get(batch.partition)?.push(...batch.records);
      if (batch.nextOffset >= (open.get(batch.partition) ?? 0n)) open.delete(batch.partition);
    }
    await reader.close();
    expect([...open.keys()]).toEqual([]);
    return found;
  }

  const close = async (): Promise<void> => {
    await Promise.all([cluster.close(), topics.close(), produce.close(), read.close()]);
    await kafka.stop();
  };
  return { kafka, cluster, topics, produce, read, create, positions, readAll, close };
}

/** A record of this text, without key and headers. */
export function textRecord(value: string): OutRecord {
  return { key: null, value: Buffer.from(value), headers: [] };
}

/** The texts of these records. */
export function valuesOf(records: readonly InRecord[] | undefined): string[] {
  return (records ?? []).map((record) => String(record.value));
}

/** Calls until it throws, at most 40 times. */
export async function untilThrown(call: () => Promise<unknown>): Promise<void> {
  for (let at = 0; at < 40; at += 1) await call();
}
