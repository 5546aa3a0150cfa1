import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openTrim } from '../../src/clients/kafka/index.ts';
import type { LearningProduce } from '../../src/clients/kafka/ports.ts';
import { openProduce } from '../../src/clients/kafka/produce.ts';
import { waitFor } from '../../src/core/wait.ts';
import { PROBE_TOPIC } from '../../src/drills/kafka/probe-topic.ts';
import { probeVerdict, reportOf } from '../../src/drills/probe/judge.ts';
import { groupOf, kafkaProbe } from '../../src/drills/probe/kafka.ts';
import type { ProbeWrite, StoreProbe } from '../../src/drills/probe/probe.ts';
import { moveLeadersStep } from '../../src/drills/steps/kafka/move-leaders.ts';
import { type KafkaFixture, openKafkaFixture } from '../support/kafka-fixture.ts';
import { opinionOfProbe } from '../support/second-checker.ts';
import { openAcksOneProduce } from '../unguarded/acks-one-produce.ts';
import { openUnguardedProduce } from '../unguarded/unguarded-produce.ts';

// The positive control of the Kafka probe: a real loss, made on purpose, must be reported with its very ids.

/** Leads partition 0. */
const LEADER = 1;
const FOLLOWERS = [2, 3];
const STRUCK = groupOf(PROBE_TOPIC, 0);

let fixture: KafkaFixture;
let probe: StoreProbe;

beforeEach(async () => {
  fixture = await openKafkaFixture('uplift-kafka-loss');
  await fixture.create(PROBE_TOPIC, 3);
});
afterEach(async () => {
  for (const id of FOLLOWERS) fixture?.kafka.resume(id);
  await probe?.close();
  await fixture?.close();
});

const acknowledged = (): ProbeWrite[] =>
  probe.writes().filter(({ outcome, group }) => outcome === 'ok' && group === STRUCK);
const idsOf = (writes: readonly { readonly id: string }[]): string[] => writes.map(({ id }) => id);

async function started(acks: string, open: () => Promise<LearningProduce>): Promise<void> {
  const { kafka, read } = fixture;
  probe = kafkaProbe({
    topic: PROBE_TOPIC,
    partitions: 3,
    struck: [0],
    ...{ acks, openProduce: open, read },
    makeTopic: async () => undefined,
    openTrim: () => openTrim(kafka.target),
    ...{ runId: acks, ratePerS: 90, timeoutMs: 10_000 },
    monoNs: () => process.hrtime.bigint(),
  });
  await probe.start();
  await waitFor(async () => acknowledged().length > 50, { what: '50 acknowledgements', timeoutMs: 60_000 });
}

/**
 * The followers are stopped, and with them two of three controllers: nobody can put them out of the ISR. The leader is killed
 * meanwhile, they go on without what they never fetched, and it comes back later and cuts its own log to theirs.
 */
async function killedBehindStoppedFollowers(meanwhile: () => Promise<unknown>): Promise<bigint> {
  const { kafka } = fixture;
  for (const id of FOLLOWERS) kafka.pause(id);
  await meanwhile();
  const faultNs = process.hrtime.bigint();
  await kafka.kill(LEADER);
  for (const id of FOLLOWERS) kafka.resume(id);
  const before = acknowledged().length;
  await waitFor(async () => acknowledged().length > before + 20, {
    what: 'writes to a new leader',
    timeoutMs: 90_000,
  });
  await kafka.start(LEADER);
  await kafka.healthy(120_000);
  return faultNs;
}

async function reported(faultNs: bigint) {
  await probe.stop();
  const reads = await probe.read();
  expect(reads.unread).toEqual([]);
  const restoredNs = process.hrtime.bigint();
  const report = reportOf(probe, { writes: probe.writes(), reads, faultNs, restoredNs });
  const { acknowledged: count, lostCount, unknown, refused } = report;
  process.stderr.write(
    `${probe.durability}: ${count} acknowledged, ${lostCount} lost, ${unknown} unknown, ${refused} refused\n`,
  );
  const address = fixture.kafka.address(FOLLOWERS[0] ?? 0);
  const second = await opinionOfProbe(probe.writes(), '', ['--kafka', address]);
  expect(report.proof).toEqual({ planted: 3, named: 3 });
  return { report, second };
}

describe('a partition leader that is killed while its followers fetch nothing', () => {
  test('acks=1: what it acknowledged alone is lost, and reported by its ids; a second checker names the same', async () => {
    await started('acks=1', () => openAcksOneProduce(fixture.kafka.target));
    const whole = idsOf(acknowledged()).slice(0, 40);
    let from = 0;
    const faultNs = await killedBehindStoppedFollowers(async () => {
      from = acknowledged().length;
      const more = async (): Promise<boolean> => acknowledged().length > from + 30;
      await waitFor(more, { what: 'acknowledged by the leader alone', timeoutMs: 20_000, intervalMs: 10 });
    });
    const { report, second } = await reported(faultNs);
    const lost = idsOf(report.lost);
    expect(lost.length).toBeGreaterThan(10);
    expect(lost.filter((id) => whole.includes(id))).toEqual([]);
    for (const { missingAt, acknowledgedAfterFaultMs } of report.lost) {
      expect(missingAt).toEqual([STRUCK]);
      expect(acknowledgedAfterFaultMs).toBeGreaterThan(-25_000);
    }
    expect(probeVerdict(report).broken).toContain(
      `Kafka lost ${lost.length} acknowledged writes of the probe`,
    );
    expect(second).toMatchObject({ exit: 10, missing: lost.toSorted() });
  }, 300_000);

  test('acks=all, as the service writes: nothing is acknowledged that could be lost', async () => {
    await started('acks=all', () => openProduce(fixture.kafka.target, { once: true }));
    let stopped = 0;
    const faultNs = await killedBehindStoppedFollowers(async () => {
      // What was on its way to a follower may still be acknowledged; then nothing is.
      await delay(1000);
      stopped = acknowledged().length;
      await delay(700);
      expect(acknowledged().length).toBe(stopped);
    });
    const { report, second } = await reported(faultNs);
    expect(report).toMatchObject({ lost: [], phantom: [], duplicate: [] });
    expect(report.struck.acknowledgedAfter).toBeGreaterThan(20);
    expect(acknowledged().length).toBeGreaterThan(stopped);
    expect(second).toMatchObject({ exit: 0, missing: [] });
    await probe.close();
    const left = await fixture.read.bounds([PROBE_TOPIC], { timeoutMs: 5000 });
    expect(left.map(({ startOffset, endOffset }) => endOffset - startOffset)).toEqual([0n, 0n, 0n]);
    expect(left[0]?.startOffset).toBeGreaterThan(50n);
  }, 300_000);
});

describe('leaders that move while every broker is well', () => {
  /** As `kafka-producer-safety` moves them. */
  async function moved(): Promise<bigint> {
    const { cluster, topics } = fixture;
    const { clusterId, topics: all } = await cluster.describe({ topics: [PROBE_TOPIC], timeoutMs: 5000 });
    const places = all.flatMap(({ name: topic, partitions }) =>
      partitions.map(({ partition, replicas }) => ({ topic, partition, replicas: [...replicas] })),
    );
    const faultNs = process.hrtime.bigint();
    const monoNs = (): bigint => process.hrtime.bigint();
    const { signal } = new AbortController();
    const args = { clusterId, partitions: places, rounds: 6, everyMs: 3000 };
    await moveLeadersStep.do(args, { cluster, topics, monoNs }, { signal });
    return faultNs;
  }

  test('a producer that believes kafkajs loses what it acknowledged, and each of it is named', async () => {
    await started('unguarded', () => openUnguardedProduce(fixture.kafka.target));
    const { report, second } = await reported(await moved());
    expect(report.lostCount).toBeGreaterThan(0);
    expect(second).toMatchObject({ exit: 10, missing: idsOf(report.lost).toSorted() });
  }, 300_000);

  test('the producer of the service loses nothing', async () => {
    await started('acks=all', () => openProduce(fixture.kafka.target, { once: true }));
    const { report, second } = await reported(await moved());
    expect(report).toMatchObject({ lost: [], phantom: [], duplicate: [] });
    expect(second).toMatchObject({ exit: 0, missing: [] });
  }, 300_000);
});
