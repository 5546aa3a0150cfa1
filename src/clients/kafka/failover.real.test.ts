import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startKafka, type TestKafka } from '../../../test/support/kafka-cluster.ts';
import { waitFor } from '../../core/wait.ts';
import {
  openCluster,
  openProduce,
  openRead,
  openTopics,
  type Produce,
  type Read,
  type RecordBatch,
} from './index.ts';

const PARTITIONS = 24;
const timeoutMs = 10_000;

let kafka: TestKafka;
let cluster: ReturnType<typeof openCluster>;
let topics: ReturnType<typeof openTopics>;
let produce: Produce;
let read: Read;

beforeAll(async () => {
  kafka = await startKafka('uplift-kafka-failover');
  cluster = openCluster(kafka.target);
  topics = openTopics(kafka.target);
  produce = await openProduce(kafka.target);
  read = openRead(kafka.target);
});

afterAll(async () => {
  await Promise.all([cluster?.close(), topics?.close(), produce?.close(), read?.close()]);
  await kafka?.stop();
});

interface Traffic {
  /** Acknowledged ids with the offset that was promised, by partition. */
  readonly acknowledged: Map<string, { partition: number; offset: bigint }>;
  readonly failed: unknown[];
  /** Where each id was read, all its places. */
  readonly seen: Map<string, { partition: number; offset: bigint }[]>;
  readonly holes: string[];
  /** Longest time between two acknowledgements and between two batches read, worst partition. */
  ackGapMs: number;
  readGapMs: number;
  /** Stops the writers, reads to the end, closes the reader. */
  finish(): Promise<void>;
}

/** Steady writes to every partition, each record with an id of its own, and one reader over all of them. */
async function traffic(topic: string): Promise<Traffic> {
  const assignment = Array.from({ length: PARTITIONS }, (_, at) =>
    [1, 2, 3].map((_one, i) => ((at + i) % 3) + 1),
  );
  await topics.create([{ name: topic, assignment, configs: { 'min.insync.replicas': '2' } }], {
    validateOnly: false,
    timeoutMs,
  });
  await kafka.healthy(timeoutMs);
  const start = await read.bounds([topic], { timeoutMs });
  const reader = read.open(
    start.map(({ topicId, partition, startOffset }) => ({
      topic,
      topicId,
      partition,
      nextOffset: startOffset,
    })),
  );
  const next = new Map(start.map((one) => [one.partition, one.startOffset]));
  const lastReadMs = new Map<number, number>();
  let writing = true;
  let reading = true;
  const all: Traffic = {
    acknowledged: new Map(),
    failed: [],
    seen: new Map(),
    holes: [],
    ackGapMs: 0,
    readGapMs: 0,
    finish,
  };

  async function write(partition: number): Promise<void> {
    let lastMs = performance.now();
    for (let at = 0; writing; at += 1) {
      const ids = [`${partition}:${at}:a`, `${partition}:${at}:b`];
      const records = ids.map((id) => ({ key: null, value: Buffer.from(id), headers: [] }));
      try {
        const { baseOffset } = await produce.send({ topic, partition, records }, { deadlineMs: 30_000 });
        for (const [index, id] of ids.entries())
          all.acknowledged.set(id, { partition, offset: baseOffset + BigInt(index) });
      } catch (error) {
        all.failed.push(error);
      }
      all.ackGapMs = Math.max(all.ackGapMs, performance.now() - lastMs);
      lastMs = performance.now();
      await delay(100);
    }
  }

  function take(batch: RecordBatch): void {
    const { partition } = batch;
    const lastMs = lastReadMs.get(partition);
    if (lastMs !== undefined) all.readGapMs = Math.max(all.readGapMs, performance.now() - lastMs);
    lastReadMs.set(partition, performance.now());
    let expected = next.get(partition) ?? 0n;
    for (const { offset, value } of batch.records) {
      if (offset !== expected) all.holes.push(`${partition}@${offset}, expected ${expected}`);
      expected = offset + 1n;
      const id = String(value);
      all.seen.set(id, [...(all.seen.get(id) ?? []), { partition, offset }]);
    }
    next.set(partition, batch.nextOffset);
  }

  const writers = Array.from({ length: PARTITIONS }, (_, partition) => write(partition));
  const consuming = (async () => {
    while (reading) {
      const batch = await reader.next(100);
      if (batch !== undefined) take(batch);
    }
  })();

  async function finish(): Promise<void> {
    writing = false;
    await Promise.all(writers);
    const ends = await read.bounds([topic], { timeoutMs });
    await waitFor(async () => ends.every((one) => (next.get(one.partition) ?? 0n) >= one.endOffset), {
      what: 'everything read',
      timeoutMs: 20_000,
    });
    reading = false;
    await consuming;
    await reader.close();
  }
  return all;
}

/** Every acknowledged id stands where it was promised; a repeat (same bytes again) is counted, not forbidden. */
function verdict(done: Traffic): {
  acknowledged: number;
  lost: string[];
  misplaced: string[];
  repeated: number;
  text: string;
} {
  const lost: string[] = [];
  const misplaced: string[] = [];
  for (const [id, { partition, offset }] of done.acknowledged) {
    const places = done.seen.get(id) ?? [];
    if (places.length === 0) lost.push(id);
    else if (!places.some((place) => place.partition === partition && place.offset === offset))
      misplaced.push(id);
  }
  const repeated = [...done.seen.values()].filter((places) => places.length > 1).length;
  const acknowledged = done.acknowledged.size;
  const gaps = `longest gap of a partition: write ${Math.round(done.ackGapMs)} ms, read ${Math.round(done.readGapMs)} ms`;
  return {
    acknowledged,
    lost,
    misplaced,
    repeated,
    text: `${acknowledged} acknowledged, ${lost.length} lost, ${repeated} repeated, ${done.failed.length} failed; ${gaps}`,
  };
}

function expectNothingLost(done: Traffic): void {
  const { acknowledged, lost, misplaced } = verdict(done);
  expect({ lost, misplaced, holes: done.holes, failed: done.failed }).toEqual({
    lost: [],
    misplaced: [],
    holes: [],
    failed: [],
  });
  expect(acknowledged).toBeGreaterThan(1000);
}

/** The broker that leads partition 0 now; it also leads a third of the others. */
async function victimOf(topic: string): Promise<number> {
  return (await cluster.describe({ topics: [topic], timeoutMs })).topics[0]?.partitions[0]?.leader ?? -1;
}

describe('under failure, with 24 partitions written and read all the time', () => {
  it('loses nothing when a leader is killed and comes back', async ({ annotate }) => {
    const running = await traffic('killed');
    await delay(3000);
    const victim = await victimOf('killed');
    await kafka.kill(victim);
    await delay(10_000);
    const during = await cluster.describe({ topics: ['killed'], timeoutMs });
    expect(during.brokers.map((broker) => broker.id)).not.toContain(victim);
    expect([...(await cluster.brokerConfigs([1, 2, 3], { timeoutMs })).keys()]).not.toContain(victim);
    await kafka.start(victim);
    await kafka.healthy(60_000);
    const wanted = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: 'killed', partition }));
    const results = (await topics.electPreferred(wanted, { timeoutMs: 20_000 })).map((one) => one.result);
    expect(results.filter((one) => one !== 'notNeeded')).toEqual(Array.from({ length: 8 }, () => 'elected'));
    await delay(2000);
    await running.finish();
    await annotate(verdict(running).text);
    expectNothingLost(running);
    expect(running.readGapMs).toBeLessThan(12_000);
  });

  it('loses nothing when a leader hangs for 12 s, and goes on long before it wakes', async ({ annotate }) => {
    const running = await traffic('hung');
    await delay(3000);
    kafka.pause(await victimOf('hung'));
    await delay(12_000);
    for (const id of [1, 2, 3]) kafka.resume(id);
    await kafka.healthy(60_000);
    await delay(2000);
    await running.finish();
    await annotate(verdict(running).text);
    expectNothingLost(running);
    // It slept 12 s: a client that waited for it would show a longer gap than this.
    expect(running.readGapMs).toBeLessThan(11_000);
  });
});
