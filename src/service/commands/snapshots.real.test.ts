import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type KafkaFixture, openKafkaFixture } from '../../../test/support/kafka-fixture.ts';
import { freePorts } from '../../../test/support/kafka-node.ts';
import { type RoleProcess, startRole } from '../../../test/support/service-roles.ts';
import { resourceKey } from '../../contract/ids.ts';
import { type Command, type Decision, TOPICS } from '../../contract/records.ts';
import { idOf, someCreate } from '../../contract/testing/decisions.ts';
import { waitFor } from '../../core/wait.ts';
import { decodeDecision, encodeCommand } from '../domain/codec.ts';
import { boundsOf } from '../runtime/topics.ts';
import { manifestRecord } from './snapshots/codec.ts';
import type { Manifest } from './snapshots/manifest.ts';
import { readSlots } from './snapshots/read.ts';
import { knownSlots } from './snapshots/writer.ts';

const PARTITIONS = 2;
const FULL = 'full';

let fixture: KafkaFixture;
let admin: ReturnType<Kafka['admin']>;
let role: RoleProcess;
let port: number;

beforeAll(async () => {
  fixture = await openKafkaFixture('uplift-snapshots');
  await fixture.create(TOPICS.commands, PARTITIONS, {
    'message.timestamp.type': 'LogAppendTime',
    'retention.ms': '10000',
  });
  await fixture.create(TOPICS.events, PARTITIONS);
  await fixture.create(TOPICS.snapshots, PARTITIONS, { 'cleanup.policy': 'compact' });
  const { brokers } = fixture.kafka.target;
  admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  [port = 0] = await freePorts(1);
  role = launch();
});

afterAll(async () => {
  role?.signal('SIGKILL');
  await admin?.disconnect();
  await fixture?.close();
});

function launch(): RoleProcess {
  const env = {
    KAFKA_BROKERS: fixture.kafka.target.brokers.join(','),
    TOPIC_PARTITIONS: String(PARTITIONS),
    SNAPSHOT_MS: '1000',
  };
  return startRole('commands', port, env, fixture.kafka.folder);
}

async function killed(): Promise<void> {
  role.signal('SIGKILL');
  await role.exit;
}

/** Creates of one unit of resource `full` in partition 0 and of many resources in partition 1. */
async function create(numbers: readonly number[], partition: number): Promise<void> {
  const now = Date.now();
  const records = numbers.map((n) => {
    const resource = partition === 0 ? FULL : `r-${n}`;
    const command: Command = someCreate({
      ...{ eventId: idOf(n), reservationId: `res-${n}`, resource, quantity: 1 },
      slot: { start: new Date(now).toISOString(), end: new Date(now + 86_400_000).toISOString() },
      ...{ issuedAtMs: now, notAfterMs: now + 120_000 },
    });
    return { key: Buffer.from(resourceKey('t', resource)), value: encodeCommand(command), headers: [] };
  });
  await fixture.produce.send({ topic: TOPICS.commands, partition, records }, { deadlineMs: 10_000 });
}

const numbers = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

async function endOf(topic: string, partition: number): Promise<bigint> {
  return boundsOf(await fixture.read.bounds([topic], { timeoutMs: 5000 }), topic, partition).endOffset;
}

/** The decisions from an event offset on, once there are so many. */
async function decisionsFrom(partition: number, offset: bigint, count: number): Promise<Decision[]> {
  const [bounds] = (await fixture.read.bounds([TOPICS.events], { timeoutMs: 5000 })).filter(
    (each) => each.partition === partition,
  );
  const { topicId = '' } = bounds ?? {};
  const reader = fixture.read.open([{ topic: TOPICS.events, topicId, partition, nextOffset: offset }]);
  const found: Decision[] = [];
  try {
    for (const endsAtMs = performance.now() + 20_000; found.length < count; ) {
      if (performance.now() > endsAtMs) expect.fail(`${found.length} of ${count} decisions`);
      for (const { value } of (await reader.next(500))?.records ?? [])
        found.push(decodeDecision(value) as Decision);
    }
    return found;
  } finally {
    await reader.close();
  }
}

async function newest(): Promise<(Manifest | undefined)[]> {
  const slots = await readSlots({ read: fixture.read, partitions: [0, 1], timeoutMs: 10_000 });
  return [0, 1].map((partition) => {
    const seen = slots.get(partition);
    return seen === undefined ? undefined : knownSlots(seen, []).best?.manifest;
  });
}

/** Snapshots that cover every event there is. */
async function covering(): Promise<Manifest[]> {
  const ends = await Promise.all([0, 1].map((partition) => endOf(TOPICS.events, partition)));
  const covered = async () => {
    const found = (await newest()).filter((manifest) => manifest !== undefined);
    return (
      found.length === 2 && found.every(({ events }, at) => BigInt(events.nextOffset) === ends[at]) && found
    );
  };
  return waitFor(covered, { what: 'snapshots of all', timeoutMs: 30_000 });
}

async function deleteBefore(topic: string, offsets: readonly string[]): Promise<void> {
  // kafkajs deletes only in topics it was asked about before.
  await admin.fetchTopicOffsets(topic);
  await admin.deleteTopicRecords({
    topic,
    partitions: offsets.map((offset, partition) => ({ partition, offset })),
  });
}

async function saysUnready(text: string): Promise<void> {
  const says = async () => {
    const { status, body } = await role.readyz();
    return status === 503 && JSON.stringify(body).includes(text);
  };
  await waitFor(says, { what: text, timeoutMs: 30_000 });
}

describe('snapshots on real brokers', () => {
  test('commands that are kept too briefly keep the role from being ready, until they are kept longer', async () => {
    await saysUnready('reservations.commands has retention.ms 10000');
    const configEntries = [
      { name: 'message.timestamp.type', value: 'LogAppendTime' },
      { name: 'min.insync.replicas', value: '2' },
      { name: 'retention.ms', value: '86400000' },
    ];
    const resource = { type: ConfigResourceTypes.TOPIC, name: TOPICS.commands, configEntries };
    await admin.alterConfigs({ validateOnly: false, resources: [resource] });
    await role.ready(30_000);
  });

  test('killed, with all deleted that a snapshot covers, it decides on as if nothing had happened', async () => {
    await create(numbers(0, 99), 0);
    await create(numbers(1000, 3000), 1);
    await decisionsFrom(0, 0n, 99);
    await decisionsFrom(1, 0n, 3000);
    const manifests = await covering();
    expect(manifests[1]?.chunks).toBeGreaterThan(1);
    await killed();
    await deleteBefore(
      TOPICS.commands,
      manifests.map(({ commands }) => commands.nextOffset),
    );
    await deleteBefore(
      TOPICS.events,
      manifests.map(({ events }) => events.nextOffset),
    );
    role = launch();
    await role.ready(30_000);
    expect(await role.metric('uplift_restore_seconds')).toBeGreaterThan(0);
    await create([5, 99, 100], 0);
    await create([1007, 5000], 1);
    const kinds = (decisions: readonly Decision[]) => decisions.map(({ decision }) => decision);
    expect(kinds(await decisionsFrom(0, 99n, 3))).toEqual(['repeated', 'accepted', 'rejected']);
    expect(kinds(await decisionsFrom(1, 3000n, 2))).toEqual(['repeated', 'accepted']);
    expect(await role.metric('uplift_decision_differs_total')).toBe(0);
  });

  test('killed while it writes a snapshot it begins with the slot that is whole, though nothing else is left', async () => {
    let next = 10_000;
    for (let kill = 0; kill < 5; kill += 1) {
      const [before, slots] = [await endOf(TOPICS.events, 1), await endOf(TOPICS.snapshots, 1)];
      await create(numbers(next, 400), 1);
      await decisionsFrom(1, before, 400);
      next += 400;
      const begun = async () => (await endOf(TOPICS.snapshots, 1)) > slots;
      await waitFor(begun, { what: 'a chunk', timeoutMs: 30_000, intervalMs: 2 });
      await killed();
      const manifests = (await newest()).flatMap((manifest) => manifest ?? []);
      expect(manifests).toHaveLength(2);
      await deleteBefore(
        TOPICS.events,
        manifests.map(({ events }) => events.nextOffset),
      );
      role = launch();
      await role.ready(30_000);
    }
    const last = await endOf(TOPICS.events, 1);
    await create([10_000], 1);
    expect((await decisionsFrom(1, last, 1)).map(({ decision }) => decision)).toEqual(['repeated']);
    expect(await role.metric('uplift_snapshots_missing')).toBe(0);
  });

  test('without a snapshot that can be used it is not ready and says why: never empty', async () => {
    await killed();
    for (const slot of ['a', 'b'] as const) {
      const key = manifestRecord(slot, {} as Manifest).key;
      const records = [{ key, value: null, headers: [] }];
      await fixture.produce.send({ topic: TOPICS.snapshots, partition: 0, records }, { deadlineMs: 10_000 });
    }
    role = launch();
    await saysUnready('are gone and no snapshot can be used (there is none): its state cannot be restored');
    // The other partition is served meanwhile.
    const before = await endOf(TOPICS.events, 1);
    await create([777_777], 1);
    expect((await decisionsFrom(1, before, 1)).map(({ decision }) => decision)).toEqual(['accepted']);
  });
});
