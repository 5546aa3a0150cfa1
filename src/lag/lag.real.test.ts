import { randomBytes } from 'node:crypto';
import { type Admin, CompressionTypes, Kafka, logLevel, type Producer } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KafkaFixture, openKafkaFixture, textRecord } from '../../test/support/kafka-fixture.ts';
import { type Groups, openGroups } from '../clients/kafka/index.ts';
import { waitFor } from '../core/wait.ts';
import { judgeConsumer } from './judge.ts';
import type { ConsumerLag, LagFacts } from './types.ts';
import { watchLag } from './watch.ts';

const timeoutMs = 5000;
const toleranceMs = 10_000;
const patienceMs = 1500;

let fixture: KafkaFixture;
let groups: Groups;
let kafkaJs: Kafka;
let admin: Admin;
let plain: Producer;

beforeAll(async () => {
  fixture = await openKafkaFixture('uplift-lag');
  groups = openGroups(fixture.kafka.target);
  kafkaJs = new Kafka({ brokers: [...fixture.kafka.target.brokers], logLevel: logLevel.NOTHING });
  admin = kafkaJs.admin();
  plain = kafkaJs.producer();
  await Promise.all([admin.connect(), plain.connect()]);
});

afterAll(async () => {
  await Promise.all([admin?.disconnect(), plain?.disconnect(), groups?.close()]);
  await fixture?.close();
});

/** Records of these ages, in one batch of partition 0. */
async function write(topic: string, agesMs: readonly number[], partition = 0): Promise<void> {
  const now = Date.now();
  const messages = agesMs.map((age) => ({ partition, value: `${age}`, timestamp: String(now - age) }));
  await plain.send({ topic, acks: -1, compression: CompressionTypes.GZIP, messages });
}

function commit(groupId: string, topic: string, offset: bigint, partition = 0): Promise<void> {
  return groups.commit(groupId, [{ topic, partition, offset }], { timeoutMs: 20_000 });
}

interface Seen {
  readonly facts: LagFacts;
  readonly lags: ReadonlyMap<string, ConsumerLag>;
}

async function watch(only: readonly string[], intervalMs = 300): Promise<Seen> {
  const own = openGroups(fixture.kafka.target);
  try {
    const facts = await watchLag({
      groups: own,
      projections: [],
      only,
      intervalMs,
      patienceMs,
      toleranceMs: () => toleranceMs,
      timeoutMs,
      nowMs: Date.now,
      signal: new AbortController().signal,
    });
    const judged = facts.consumers.map((one) =>
      judgeConsumer(one, { toleranceMs, stalledAfterMs: patienceMs }),
    );
    return { facts, lags: new Map(judged.map((one) => [one.name, one])) };
  } finally {
    await own.close();
  }
}

async function lagOf(name: string): Promise<ConsumerLag> {
  const lag = (await watch([name])).lags.get(name);
  if (lag === undefined) expect.fail(`nothing about ${name}`);
  return lag;
}

describe('commits without membership', () => {
  it('are read back by us and by kafka-consumer-groups, and refused for a topic that does not exist', async () => {
    await fixture.create('committed', 3);
    await write('committed', [0, 0, 0], 1);
    await commit('readers', 'committed', 2n, 1);
    const [told] = await groups.committed([{ groupId: 'readers', coordinator: null }], { timeoutMs });
    expect(told).toEqual({ told: true, value: [{ topic: 'committed', partition: 1, offset: 2n }] });
    const described = await fixture.kafka.tool('org.apache.kafka.tools.consumer.group.ConsumerGroupCommand', [
      '--bootstrap-server',
      fixture.kafka.target.brokers[0] ?? '',
      '--describe',
      '--group',
      'readers',
    ]);
    expect(described).toMatch(/readers\s+committed\s+1\s+2\s+3\s+1\b/);
    await expect(commit('readers', 'absent', 0n)).rejects.toMatchObject({ code: 'UPL-KAFKA-REQUEST' });
  });
});

describe('the lag of a group', () => {
  it('is the age of the very record at its position, not of the batch it came in', async () => {
    await fixture.create('aged', 3);
    await write('aged', [90_000, 60_000, 30_000]);
    await commit('exact', 'aged', 1n);
    const lag = await lagOf('exact');
    expect(lag).toMatchObject({ state: 'stalled', records: 2, lostRecords: 0, behindIs: 'exact' });
    expect(lag.behindMs).toBeGreaterThan(60_000);
    expect(lag.behindMs).toBeLessThan(70_000);
  });

  it('is told for batches larger than the first read, several of them on one leader', async () => {
    await fixture.create('large', 6);
    for (let partition = 0; partition < 6; partition += 1) {
      const value = randomBytes(300_000);
      await plain.send({
        topic: 'large',
        messages: [{ partition, value, timestamp: String(Date.now() - 20_000 - partition * 1000) }],
      });
      await commit('large', 'large', 0n, partition);
    }
    const lag = await lagOf('large');
    expect(lag).toMatchObject({ records: 6, behindIs: 'exact' });
    expect(lag.behindMs).toBeGreaterThanOrEqual(25_000);
    expect(lag.partitions.every(({ behindMs }) => behindMs !== null && behindMs > 19_000)).toBe(true);
  });

  it('is 0 s when it is caught up, also where nothing was ever written', async () => {
    await fixture.create('quiet', 3);
    await write('quiet', [50_000]);
    await commit('done', 'quiet', 1n);
    await commit('done', 'quiet', 0n, 1);
    expect(await lagOf('done')).toMatchObject({ state: 'idle', records: 0, behindMs: 0, behindIs: 'exact' });
  });

  it('tells records that were deleted unread apart from those that can still be read', async () => {
    await fixture.create('trimmed', 3);
    await write('trimmed', [50_000, 40_000, 30_000, 20_000, 1000]);
    await commit('robbed', 'trimmed', 1n);
    // kafkajs deletes only in topics it was asked about before.
    await admin.fetchTopicOffsets('trimmed');
    await admin.deleteTopicRecords({ topic: 'trimmed', partitions: [{ partition: 0, offset: '4' }] });
    const lag = await lagOf('robbed');
    expect(lag).toMatchObject({ state: 'lost', records: 1, lostRecords: 3 });
    expect(lag.behindMs).toBeLessThan(10_000);
  });

  it('is not made up for a position beyond the end of the log', async () => {
    await fixture.create('shrunk', 3);
    await write('shrunk', [0]);
    await commit('ahead', 'shrunk', 500n);
    expect(await lagOf('ahead')).toMatchObject({ state: 'beyond', records: null, behindMs: null });
  });

  it('is 0 where only the marker of a transaction is left, and blocked behind an open transaction', async () => {
    await fixture.create('transacted', 3);
    const producer = kafkaJs.producer({ transactionalId: 'lag', idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    const begin = async (): Promise<Awaited<ReturnType<Producer['transaction']>>> => {
      const transaction = await producer.transaction();
      const timestamp = String(Date.now() - 30_000);
      await transaction.send({ topic: 'transacted', messages: [{ partition: 0, value: 'x', timestamp }] });
      return transaction;
    };
    await (await begin()).commit();
    await commit('marked', 'transacted', 1n);
    await commit('waiting', 'transacted', 2n);
    await waitFor(async () => (await lagOf('marked')).state === 'idle', { what: 'the marker', timeoutMs });
    const open = await begin();
    expect(await lagOf('waiting')).toMatchObject({ state: 'blocked', records: 1 });
    await open.abort();
    await producer.disconnect();
  });

  it('has a direction: one that catches up drains, one that falls behind grows', async () => {
    await fixture.create('moving', 3);
    await write('moving', Array<number>(1000).fill(40_000));
    await commit('drains', 'moving', 100n);
    await commit('grows', 'moving', 100n);
    let at = 100n;
    let working = true;
    const work = (async () => {
      while (working) {
        at += 5n;
        await commit('drains', 'moving', at);
        await commit('grows', 'moving', 100n + at / 100n);
        await write('moving', [40_000, 40_000]);
      }
    })();
    const { lags } = await watch(['drains', 'grows'], 1000);
    working = false;
    await work;
    expect(lags.get('drains')).toMatchObject({ state: 'draining', drainedInMs: expect.any(Number) });
    expect(lags.get('grows')).toMatchObject({ state: 'growing', drainedInMs: null });
  });

  it('says of a group without commits that it has none, and of one that does not exist that there is none', async () => {
    await fixture.create('unread', 3);
    const consumer = kafkaJs.consumer({ groupId: 'silent' });
    await consumer.connect();
    await consumer.subscribe({ topic: 'unread' });
    const joined = new Promise((resolve) => consumer.on('consumer.group_join', resolve));
    await consumer.run({ autoCommit: false, eachMessage: async () => undefined });
    await joined;
    const { lags } = await watch(['silent', 'nobody']);
    await consumer.disconnect();
    expect(lags.get('silent')).toMatchObject({ state: 'noCommits', groupState: 'Stable' });
    expect(lags.get('nobody')).toMatchObject({ state: 'unknown', reason: 'there is no such group' });
  });
});

describe('what it costs', () => {
  it('is one Metadata request, one list per broker, and per look one request per coordinator and per leader', async () => {
    await fixture.create('costs', 6);
    for (let at = 0; at < 12; at += 1) {
      const offsets = [0, 1, 2, 3, 4, 5].map((partition) => ({ topic: 'costs', partition, offset: 0n }));
      await groups.commit(`costs-${at}`, offsets, { timeoutMs });
    }
    const names = Array.from({ length: 12 }, (_, at) => `costs-${at}`);
    const { facts, lags } = await watch(names);
    expect([...lags.values()].map(({ state }) => state)).toEqual(names.map(() => 'idle'));
    const coordinators = 3;
    const [leaders, brokers] = [3, 3];
    expect(facts.requests).toBeLessThanOrEqual(1 + brokers + 2 * coordinators + 3 * leaders);
  });
});

describe('with a broker dead', () => {
  it('shows the rest, says what it could not tell and why, and sees everything again once leaders have moved', async () => {
    await fixture.create('survives', 6);
    const names = Array.from({ length: 15 }, (_, at) => `survivor-${at}`);
    for (const name of names) {
      const offsets = [0, 1, 2, 3, 4, 5].map((partition) => ({ topic: 'survives', partition, offset: 0n }));
      await groups.commit(name, offsets, { timeoutMs });
    }
    await fixture.produce.send(
      { topic: 'survives', partition: 1, records: [textRecord('x')] },
      { deadlineMs: 10_000 },
    );
    await fixture.kafka.kill(2);
    const startedMs = performance.now();
    const { facts, lags } = await watch(names);
    expect(performance.now() - startedMs).toBeLessThan(25_000);
    expect(facts.cluster.seen).toBe(true);
    expect([...lags.keys()].toSorted()).toEqual(names.toSorted());
    for (const lag of lags.values()) {
      if (lag.state !== 'noAnswer') continue;
      expect(lag.reason).toMatch(/broker 2|no leader|coordinator|survives/);
      expect(lag.behindIs).not.toBe('exact');
    }
    const healed = await waitFor(
      async () => {
        const now = await watch(names);
        return [...now.lags.values()].every(({ behindIs }) => behindIs === 'exact') && now;
      },
      { what: 'all groups told again', timeoutMs: 60_000, intervalMs: 500 },
    );
    expect(healed.lags.get('survivor-0')).toMatchObject({ records: 1 });
  });
});
