import { setTimeout as delay } from 'node:timers/promises';
import { type Connection, deleteTopicsV6 } from '@platformatic/kafka';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestKafka } from '../../../test/support/kafka-cluster.ts';
import {
  type KafkaFixture,
  openKafkaFixture,
  textRecord as text,
  untilThrown,
  valuesOf as values,
} from '../../../test/support/kafka-fixture.ts';
import { waitFor } from '../../core/wait.ts';
import { openProduce, openRead, openTrim } from './index.ts';
import { BrokerLink } from './link.ts';

const timeoutMs = 10_000;
const deadlineMs = 20_000;

let fixture: KafkaFixture;
let kafka: TestKafka;
let cluster: KafkaFixture['cluster'];
let produce: KafkaFixture['produce'];
let read: KafkaFixture['read'];
let create: KafkaFixture['create'];
let positions: KafkaFixture['positions'];
let readAll: KafkaFixture['readAll'];

beforeAll(async () => {
  fixture = await openKafkaFixture('uplift-kafka-clients');
  ({ kafka, cluster, produce, read, create, positions, readAll } = fixture);
});

afterAll(() => fixture?.close());

/** One request to broker 1, which leads partition 0 of every topic made here. */
async function ask(call: (connection: Connection) => Promise<unknown>): Promise<void> {
  const link = new BrokerLink(kafka.address(1), kafka.target);
  await link.request(call, timeoutMs);
  link.close();
}

describe('produce and read', () => {
  it('reads back what was written to 24 partitions, at the offsets that were acknowledged', async () => {
    await create('healthy', 24);
    const expected = new Map<number, string[]>();
    const sends = Array.from({ length: 24 * 20 }, async (_, at) => {
      const partition = at % 24;
      const records = [text(`${at}/a`), text(`${at}/b`)];
      const ack = await produce.send({ topic: 'healthy', partition, records }, { deadlineMs });
      const log = expected.get(partition) ?? [];
      expected.set(partition, log);
      for (const [index, record] of records.entries())
        log[Number(ack.baseOffset) + index] = String(record.value);
    });
    await Promise.all(sends);
    const found = await readAll('healthy');
    for (const [partition, log] of expected) expect(values(found.get(partition))).toEqual(log);
  });

  it('learns the leaders of a topic without writing to it, and gives up in time where there is none', async () => {
    await create('learned', 6);
    const own = await openProduce(kafka.target);
    await own.learn('learned', { timeoutMs });
    expect([...(await readAll('learned')).values()].flat()).toEqual([]);
    await expect(own.learn('nowhere', { timeoutMs: 500 })).rejects.toThrow();
    // Still good for what is there.
    const batch = { topic: 'learned', partition: 1, records: [text('a')] };
    expect(await own.send(batch, { deadlineMs })).toMatchObject({ baseOffset: 0n });
    await own.close();
    await expect(own.learn('learned', { timeoutMs })).rejects.toMatchObject({ code: 'UPL-KAFKA-OVERLOADED' });
  });

  it('hands a new record over within milliseconds of its acknowledgement on a quiet cluster', async ({
    annotate,
  }) => {
    await create('quick', 6);
    const reader = read.open(await positions('quick'));
    await reader.next(500);
    const waitsMs: number[] = [];
    for (let at = 0; at < 40; at += 1) {
      await produce.send({ topic: 'quick', partition: at % 6, records: [text(`${at}`)] }, { deadlineMs });
      const ackedMs = performance.now();
      expect(values((await reader.next(2000))?.records)).toEqual([`${at}`]);
      waitsMs.push(performance.now() - ackedMs);
      // Quiet in between, so that the long poll has begun anew.
      await delay(30);
    }
    await reader.close();
    const median = waitsMs.toSorted((a, b) => a - b)[20] ?? 0;
    await annotate(
      `read after acknowledgement: median ${median.toFixed(1)} ms, max ${Math.max(...waitsMs).toFixed(1)} ms`,
    );
    expect(median).toBeLessThan(20);
  });

  it('stamps LogAppendTime records with the time of the broker', async () => {
    await create('stamped', 1, { 'message.timestamp.type': 'LogAppendTime' });
    const before = Date.now();
    await produce.send({ topic: 'stamped', partition: 0, records: [text('x')] }, { deadlineMs });
    const [record] = (await readAll('stamped')).get(0) ?? [];
    expect(record?.timestampMs).toBeGreaterThanOrEqual(before);
    expect(record?.timestampMs).toBeLessThanOrEqual(Date.now());
  });

  it('reads what Java wrote, with every compression', async () => {
    await create('compressed', 1);
    const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
    const lines = (codec: string): string[] =>
      Array.from({ length: 50 }, (_, at) => `${codec}-${at}-${'abc'.repeat(20)}`);
    for (const codec of codecs) {
      const args = [
        '--bootstrap-server',
        kafka.target.brokers.join(','),
        '--topic',
        'compressed',
        '--compression-codec',
        codec,
        '--sync',
      ];
      await kafka.tool(
        'org.apache.kafka.tools.ConsoleProducer',
        args.slice(0, -1),
        `${lines(codec).join('\n')}\n`,
      );
    }
    expect(values((await readAll('compressed')).get(0))).toEqual(codecs.flatMap(lines));
  });

  it('carries binary keys, null values and header bytes unchanged', async () => {
    await create('binary', 1);
    const bytes = Buffer.from([0, 255, 128, 10]);
    const headers = [
      [Buffer.from('a'), bytes],
      [Buffer.from('a'), Buffer.alloc(0)],
      [Buffer.from('b'), bytes],
    ] as const;
    await produce.send(
      { topic: 'binary', partition: 0, records: [{ key: bytes, value: null, headers: [...headers] }] },
      { deadlineMs },
    );
    expect((await readAll('binary')).get(0)?.[0]).toMatchObject({ key: bytes, value: null, headers });
  });

  it('refuses a record that is too large at once, as certainly not written', async () => {
    await create('large', 1);
    const record = { key: null, value: Buffer.alloc(2_000_000), headers: [] };
    await expect(
      produce.send({ topic: 'large', partition: 0, records: [record] }, { deadlineMs }),
    ).rejects.toMatchObject({ code: 'UPL-KAFKA-REQUEST' });
    await produce.send({ topic: 'large', partition: 0, records: [text('small')] }, { deadlineMs });
    expect(values((await readAll('large')).get(0))).toEqual(['small']);
  });

  it('gives every partition its turn while one is far ahead and its buffer full', async () => {
    await create('unfair', 3);
    const big = Array.from({ length: 100 }, () => ({
      key: null,
      value: Buffer.alloc(5000, 'x'),
      headers: [],
    }));
    for (let at = 0; at < 10; at += 1)
      await produce.send({ topic: 'unfair', partition: 0, records: big }, { deadlineMs });
    const small = openRead(kafka.target, { maxBufferedBytes: 300_000 });
    const reader = small.open(await positions('unfair'));
    await reader.next(2000);
    await produce.send({ topic: 'unfair', partition: 1, records: [text('me too')] }, { deadlineMs });
    await delay(200);
    let seen = 1;
    let bytes = 0;
    for (let batch = await reader.next(2000); batch?.partition === 0; batch = await reader.next(2000))
      seen += 1;
    expect(seen).toBeLessThanOrEqual(4);
    for (let batch = await reader.next(1000); batch !== undefined; batch = await reader.next(1000))
      bytes += batch.records.length;
    expect(bytes).toBeGreaterThan(0);
    expect(reader.stalled(2000)).toEqual([]);
    await small.close();
  });

  it('asks a partition for no more than its share of what may wait', async () => {
    await create('shared', 1);
    const some = { key: null, value: Buffer.alloc(10_000, 'x'), headers: [] };
    for (let at = 0; at < 20; at += 1)
      await produce.send({ topic: 'shared', partition: 0, records: [some] }, { deadlineMs });
    const small = openRead(kafka.target);
    const reader = small.open(await positions('shared'), { maxBufferedBytes: 65_536 });
    const sizes: number[] = [];
    for (let batch = await reader.next(5000); batch !== undefined; batch = await reader.next(1000))
      sizes.push(batch.records.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(7);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(20);
    await small.close();
  });

  it('continues where it is told by seek, and drops what it had buffered', async () => {
    await create('sought', 1);
    for (const value of ['a', 'b', 'c'])
      await produce.send({ topic: 'sought', partition: 0, records: [text(value)] }, { deadlineMs });
    const reader = read.open(await positions('sought'));
    await waitFor(async () => (await reader.next(100)) !== undefined, { what: 'a first batch', timeoutMs });
    reader.seek('sought', 0, 1n);
    expect(values((await reader.next(3000))?.records)[0]).toBe('b');
    await reader.close();
  });
});

describe('positions that are not in the log', () => {
  it('stops with out of range below the first offset, and again reads after a seek', async () => {
    await create('trimmed', 2);
    await produce.send(
      { topic: 'trimmed', partition: 0, records: ['a', 'b', 'c'].map(text) },
      { deadlineMs },
    );
    const trim = openTrim(kafka.target);
    const offsets = [2n, 5n].map((offset, partition) => ({ topic: 'trimmed', partition, offset }));
    expect(await trim.below(offsets, { timeoutMs })).toEqual([
      { told: true, value: 2n },
      { told: false, reason: 'OFFSET_OUT_OF_RANGE' },
    ]);
    await trim.close();
    const both = await read.bounds(['trimmed'], { timeoutMs });
    const bounds = both.find(({ partition }) => partition === 0);
    expect(bounds).toMatchObject({ startOffset: 2n, endOffset: 3n });
    const reader = read.open([
      { topic: 'trimmed', topicId: bounds?.topicId ?? '', partition: 0, nextOffset: 0n },
    ]);
    await expect(untilThrown(() => reader.next(500))).rejects.toMatchObject({
      code: 'UPL-KAFKA-OUT-OF-RANGE',
    });
    await expect(reader.next(1)).rejects.toThrow('trimmed/0: offset 0 cannot be read: it is below the first');
    reader.seek('trimmed', 0, 2n);
    expect(values((await reader.next(3000))?.records)).toEqual(['c']);
    await reader.close();
  });

  it('stops beyond the end too', async () => {
    await create('short', 1);
    const [first] = await positions('short');
    const reader = read.open([
      { ...first, topic: 'short', topicId: first?.topicId ?? '', partition: 0, nextOffset: 10n },
    ]);
    await expect(untilThrown(() => reader.next(500))).rejects.toMatchObject({
      code: 'UPL-KAFKA-OUT-OF-RANGE',
    });
    await reader.close();
  });

  it('stops when the topic was deleted and created anew under the same name', async () => {
    await create('reborn', 3);
    await produce.send({ topic: 'reborn', partition: 0, records: [text('old')] }, { deadlineMs });
    const reader = read.open(await positions('reborn'));
    expect(values((await reader.next(3000))?.records)).toEqual(['old']);
    await ask((to) => deleteTopicsV6.api.async(to, [{ name: 'reborn' }], timeoutMs));
    await waitFor(
      async () => (await cluster.describe({ topics: ['reborn'], timeoutMs })).topics.length === 0,
      { what: 'deleted', timeoutMs },
    );
    await create('reborn', 3);
    await expect(untilThrown(() => reader.next(500))).rejects.toThrow(/deleted and created anew/);
    await reader.close();
  });
});
