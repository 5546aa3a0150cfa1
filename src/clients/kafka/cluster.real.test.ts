import { type Admin, Kafka, logLevel } from 'kafkajs';
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
import { type KafkaTarget, openCluster, openProduce, openRead, openTopics } from './index.ts';

const timeoutMs = 10_000;
const deadlineMs = 20_000;

let fixture: KafkaFixture;
let kafka: TestKafka;
let cluster: KafkaFixture['cluster'];
let topics: KafkaFixture['topics'];
let produce: KafkaFixture['produce'];
let create: KafkaFixture['create'];
let readAll: KafkaFixture['readAll'];
/** For what our ports have no word for yet: reassignments. */
let admin: Admin;

const plain = (target: KafkaTarget): Kafka =>
  new Kafka({ brokers: [...target.brokers], logLevel: logLevel.NOTHING });

beforeAll(async () => {
  fixture = await openKafkaFixture('uplift-kafka-cluster');
  ({ kafka, cluster, topics, produce, create, readAll } = fixture);
  admin = plain(kafka.target).admin();
  await admin.connect();
});

afterAll(async () => {
  await admin?.disconnect();
  await fixture?.close();
});

describe('topics and cluster state', () => {
  it('creates several topics in one request, each with its own result', async () => {
    const spec = (name: string, broker: number) => ({ name, assignment: [[1, 2, broker]], configs: {} });
    const results = await topics.create([spec('several.a', 3), spec('several.b', 9)], {
      validateOnly: false,
      timeoutMs,
    });
    expect(results.map((one) => one.error)).toEqual([null, 'INVALID_REPLICA_ASSIGNMENT']);
    const again = await topics.create([spec('several.a', 3)], { validateOnly: false, timeoutMs });
    expect(again[0]?.error).toBe('TOPIC_ALREADY_EXISTS');
    const dry = await topics.create([spec('several.c', 3)], { validateOnly: true, timeoutMs });
    expect(dry[0]?.error).toBeNull();
    const state = await cluster.describe({ topics: ['several.a', 'several.c'], timeoutMs });
    expect(state.topics.map((topic) => topic.name)).toEqual(['several.a']);
  });

  it('describes brokers with racks, the quorum, own configs of topics and brokers, and reassignments', async () => {
    await create('described', 1, { 'retention.ms': '3600000' });
    const state = await cluster.describe({ timeoutMs });
    expect(state.brokers.map((broker) => [broker.id, broker.rack])).toEqual([
      [1, 'az-a'],
      [2, 'az-b'],
      [3, 'az-c'],
    ]);
    const configs = (await cluster.topicConfigs(['described', 'absent'], { timeoutMs })).get('described');
    expect(
      configs
        ?.filter((one) => one.own)
        .map((one) => `${one.name}=${one.value}`)
        .toSorted(),
    ).toEqual(['min.insync.replicas=2', 'retention.ms=3600000']);
    expect(configs?.find((one) => one.name === 'cleanup.policy')).toEqual({
      name: 'cleanup.policy',
      value: 'delete',
      own: false,
    });
    const quorum = await cluster.quorum({ timeoutMs });
    expect(quorum.voters.map((voter) => voter.id).toSorted()).toEqual([1, 2, 3]);
    expect([1, 2, 3]).toContain(quorum.leaderId);
    const ofBrokers = await cluster.brokerConfigs([1, 3], { timeoutMs });
    expect([...ofBrokers.keys()].toSorted()).toEqual([1, 3]);
    expect(ofBrokers.get(3)?.find((one) => one.name === 'broker.rack')?.value).toBe('az-c');
    expect(await cluster.reassignments({ timeoutMs })).toEqual([]);
  });

  it('reads only the settings that were asked for, throttles of replication among them', async () => {
    const [rate, replicas] = [
      'follower.replication.throttled.rate',
      'follower.replication.throttled.replicas',
    ];
    await create('throttled', 1, { [replicas]: '*' });
    await kafka.tool('kafka.admin.ConfigCommand', [
      ...[
        '--bootstrap-server',
        kafka.address(1),
        '--entity-type',
        'brokers',
        '--entity-name',
        '2',
        '--alter',
      ],
      ...['--add-config', `${rate}=100000000`],
    ]);
    const only = [rate, 'broker.session.timeout.ms', 'controller.quorum.fetch.timeout.ms'];
    const ofBrokers = await cluster.brokerConfigs([1, 2, 3], { timeoutMs, only });
    expect(
      ofBrokers
        .get(2)
        ?.map(({ name }) => name)
        .toSorted(),
    ).toEqual(only.toSorted());
    expect(ofBrokers.get(2)?.find(({ name }) => name === rate)).toEqual({
      ...{ name: rate, value: '100000000', own: true },
    });
    const names = ['min.insync.replicas', replicas];
    const ofTopics = await cluster.topicConfigs(['throttled', 'described'], { timeoutMs, only: names });
    expect(
      ofTopics
        .get('throttled')
        ?.map(({ name, value }) => `${name}=${value}`)
        .toSorted(),
    ).toEqual([`${replicas}=*`, 'min.insync.replicas=2']);
  });

  it('elects preferred leaders, and says where that was not needed or not possible', async () => {
    await create('elected', 2);
    await admin.alterPartitionReassignments({
      topics: [{ topic: 'elected', partitionAssignment: [{ partition: 0, replicas: [3, 2, 1] }] }],
    });
    await waitFor(
      async () =>
        (await cluster.describe({ topics: ['elected'], timeoutMs })).topics[0]?.partitions[0]?.replicas[0] ===
        3,
      { what: 'new order', timeoutMs },
    );
    const wanted = [0, 1, 5].map((partition) => ({ topic: 'elected', partition }));
    expect((await topics.electPreferred(wanted, { timeoutMs })).map((one) => one.result)).toEqual([
      'elected',
      'notNeeded',
      'UNKNOWN_TOPIC_OR_PARTITION',
    ]);
  });

  it('says in one message which brokers it cannot reach', async () => {
    const dead = openCluster({
      brokers: ['127.0.0.1:1', '127.0.0.1:2'],
      clientId: 't',
      requestTimeoutMs: 1000,
    });
    await expect(dead.describe({ timeoutMs: 2000 })).rejects.toThrow(
      /^Cannot reach Kafka at 127\.0\.0\.1:1, :2 \(connection refused, 6 tries in .+\)\.$/,
    );
    await dead.close();
    const none = openProduce(
      { brokers: ['127.0.0.1:1'], clientId: 't', requestTimeoutMs: 1000 },
      { openTimeoutMs: 500 },
    );
    await expect(none).rejects.toMatchObject({ code: 'UPL-KAFKA-UNREACHABLE' });
  });
});

describe('TLS and SASL', () => {
  it('produces, reads and describes over SCRAM and TLS', async () => {
    const secure = await openProduce(kafka.secured);
    const secureRead = openRead(kafka.secured);
    const secureCluster = openCluster(kafka.secured);
    await create('secured', 1);
    await secure.send({ topic: 'secured', partition: 0, records: [text('x')] }, { deadlineMs });
    const [bounds] = await secureRead.bounds(['secured'], { timeoutMs });
    const reader = secureRead.open([
      { topic: 'secured', topicId: bounds?.topicId ?? '', partition: 0, nextOffset: 0n },
    ]);
    expect(values((await reader.next(5000))?.records)).toEqual(['x']);
    expect((await secureCluster.describe({ timeoutMs })).brokers).toHaveLength(3);
    await Promise.all([secure.close(), secureRead.close(), secureCluster.close()]);
  });

  it.each([
    [
      'a wrong password',
      (t: KafkaTarget): KafkaTarget => ({
        ...t,
        sasl: { mechanism: 'SCRAM-SHA-512', username: 'alice', password: 'wrong' },
      }),
      'refused the login of "alice"',
    ],
    ['an untrusted CA', (t: KafkaTarget): KafkaTarget => ({ ...t, tls: {} }), 'is not trusted'],
  ])('says UPL-KAFKA-AUTH at once for %s, from every adapter', async (_name, change, message) => {
    const target = change(kafka.secured);
    const startedMs = performance.now();
    const matches = { code: 'UPL-KAFKA-AUTH', message: expect.stringContaining(message) };
    await expect(openProduce(target)).rejects.toMatchObject(matches);
    const badCluster = openCluster(target);
    await expect(badCluster.describe({ timeoutMs })).rejects.toMatchObject(matches);
    const badTopics = openTopics(target);
    await expect(
      badTopics.create([{ name: 'x', assignment: [[1]], configs: {} }], { validateOnly: true, timeoutMs }),
    ).rejects.toMatchObject(matches);
    const badRead = openRead(target);
    await expect(badRead.bounds(['x'], { timeoutMs })).rejects.toMatchObject(matches);
    const reader = badRead.open([{ topic: 'x', topicId: '', partition: 0, nextOffset: 0n }]);
    await expect(untilThrown(() => reader.next(500))).rejects.toMatchObject(matches);
    await Promise.all([badCluster.close(), badTopics.close(), badRead.close()]);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
  });
});

describe('a change of leader without any fault (tulios/kafkajs #1303)', () => {
  const leader = async (topic: string, partition: number): Promise<number | undefined> =>
    (await cluster.describe({ topics: [topic], timeoutMs })).topics[0]?.partitions[partition]?.leader;

  /** Makes this broker the leader of partition 0. */
  async function lead(topic: string, replicas: number[]): Promise<void> {
    await admin.alterPartitionReassignments({
      topics: [{ topic, partitionAssignment: [{ partition: 0, replicas }] }],
    });
    await waitFor(
      async () => {
        await topics.electPreferred([{ topic, partition: 0 }], { timeoutMs });
        return (await leader(topic, 0)) === replicas[0];
      },
      { what: `broker ${replicas[0]} leads ${topic}/0`, timeoutMs },
    );
  }

  const logged = async (topic: string): Promise<string[]> =>
    [...(await readAll(topic)).values()].flatMap(values).toSorted();

  it('makes plain kafkajs resolve a sendBatch whose record is not in the log', async () => {
    const topic = 'lost-write';
    await create(topic, 2);
    const producer = plain(kafka.target).producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    const acknowledged: string[] = [];
    const send = async (label: string): Promise<void> => {
      const messages = [0, 1].map((partition) => ({ partition, value: `${label}-${partition}` }));
      await producer.sendBatch({ acks: -1, topicMessages: [{ topic, messages }] });
      acknowledged.push(...messages.map((message) => message.value));
    };
    await send('warm');
    await lead(topic, [2, 1, 3]);
    await send('moved');
    await producer.disconnect();
    expect(await logged(topic)).toEqual(acknowledged.toSorted().filter((value) => value !== 'moved-0'));
  });

  it('says where the epoch of a former leader ended', async () => {
    const topic = 'epochs';
    await create(topic, 1);
    const one = async (value: string): Promise<bigint> =>
      (await produce.send({ topic, partition: 0, records: [text(value)] }, { deadlineMs })).baseOffset;
    await one('before');
    const read = openRead(kafka.target);
    try {
      const [was] = await read.bounds([topic], { timeoutMs });
      await lead(topic, [2, 1, 3]);
      const firstOfNew = await one('after');
      const [is] = await read.bounds([topic], { timeoutMs });
      const epochs = [was, is].map((bounds) => ({
        topic,
        partition: 0,
        leaderEpoch: bounds?.leaderEpoch ?? -1,
      }));
      const never = { topic, partition: 0, leaderEpoch: 1_000_000 };
      const ends = await Promise.all([...epochs, never].map((want) => read.epochEnds([want], { timeoutMs })));
      expect(ends[0]).toEqual([{ ...epochs[0], endOffset: firstOfNew }]);
      expect(ends[1]).toEqual([{ ...epochs[1], endOffset: firstOfNew + 1n }]);
      expect(ends[2]).toEqual([{ topic, partition: 0, leaderEpoch: -1, endOffset: -1n }]);
      // The epochs on the records are the very ones to ask with.
      const records = (await readAll(topic)).get(0) ?? [];
      expect(records.map((record) => record.leaderEpoch)).toEqual(epochs.map((one) => one.leaderEpoch));
      await expect(
        read.epochEnds([{ topic: 'absent', partition: 0, leaderEpoch: 0 }], { timeoutMs: 1000 }),
      ).rejects.toMatchObject({ code: 'UPL-KAFKA-REQUEST' });
    } finally {
      await read.close();
    }
  });

  it('costs our Produce nothing, through many changes of leader under steady writes', async () => {
    const topic = 'kept-write';
    await create(topic, 2);
    const acknowledged: string[] = [];
    let moving = true;
    const write = async (partition: number): Promise<void> => {
      for (let at = 0; moving || at < 10; at += 1) {
        const value = `${partition}-${at}`;
        await produce.send({ topic, partition, records: [text(value)] }, { deadlineMs });
        acknowledged.push(value);
      }
    };
    const writers = [write(0), write(1)];
    for (const replicas of [
      [2, 1, 3],
      [1, 2, 3],
      [2, 1, 3],
      [1, 2, 3],
    ])
      await lead(topic, replicas);
    moving = false;
    await Promise.all(writers);
    expect(await logged(topic)).toEqual(acknowledged.toSorted());
  });
});
