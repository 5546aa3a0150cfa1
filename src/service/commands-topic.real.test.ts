import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type KafkaFixture, openKafkaFixture } from '../../test/support/kafka-fixture.ts';
import { freePorts } from '../../test/support/kafka-node.ts';
import { startPostgres, type TestPostgres } from '../../test/support/postgres-server.ts';
import { type RoleProcess, roleEnv, startRole } from '../../test/support/service-roles.ts';
import type { OutRecord } from '../clients/kafka/ports.ts';
import { openSql, type Sql } from '../clients/postgres/index.ts';
import { dlqOf } from '../contract/dead-letter.ts';
import { acknowledgedSchema, decidedSchema, PROBLEMS } from '../contract/http.ts';
import { VIEWS } from '../contract/projection.ts';
import { TOPICS } from '../contract/records.ts';
import { someDecision } from '../contract/testing/decisions.ts';
import { decodeToken } from '../contract/token.ts';
import { waitFor } from '../core/wait.ts';
import { manifestRecord } from './commands/snapshots/codec.ts';
import { type Manifest, SLOTS } from './commands/snapshots/manifest.ts';
import { encodeDecision, eventHeaders } from './domain/codec.ts';
import { boundsOf } from './runtime/topics.ts';

/** More than ticks of an owner that has not noticed yet can stand in the new topic. */
const BEFORE = 60;
const TENANT = { 'x-tenant-id': 'acme' };
const SLOT = { start: '2027-01-01T00:00:00Z', end: '2027-01-01T01:00:00Z' };

let fixture: KafkaFixture;
let postgres: TestPostgres;
let sql: Sql;
let env: Record<string, string>;
const roles = new Map<string, RoleProcess>();
const role = (name: string): RoleProcess => roles.get(name) as RoleProcess;

async function launch(name: string): Promise<void> {
  const [port = 0] = await freePorts(1);
  roles.set(name, startRole(name, port, env, fixture.kafka.folder));
}

async function killed(name: string): Promise<void> {
  role(name).signal('SIGKILL');
  await role(name).exit;
}

beforeAll(async () => {
  [fixture, postgres] = await Promise.all([
    openKafkaFixture('uplift-made-again'),
    startPostgres('uplift-made-again-pg'),
  ]);
  sql = openSql(postgres.direct);
  // No Redis: keys are claimed in Postgres.
  const servers = { kafka: fixture.kafka, postgres, redis: { nodes: ['127.0.0.1:1'] } };
  env = roleEnv(servers, 1);
  await createCommands();
  for (const topic of [TOPICS.events, dlqOf(TOPICS.events)]) await fixture.create(topic, 1);
  await fixture.create(TOPICS.snapshots, 1, { 'cleanup.policy': 'compact' });
  expect(await startRole('migrate', 0, env, fixture.kafka.folder).exit).toBe(0);
  await Promise.all(['gateway', 'commands', 'projector'].map(launch));
  await Promise.all([...roles.values()].map((each) => each.ready(60_000)));
});

afterAll(async () => {
  for (const each of roles.values()) each.signal('SIGKILL');
  await sql?.close();
  await Promise.all([fixture?.close(), postgres?.stop()]);
});

const createCommands = (): Promise<void> =>
  fixture.create(TOPICS.commands, 1, { 'message.timestamp.type': 'LogAppendTime' });

async function deleteCommands(): Promise<void> {
  const { brokers } = fixture.kafka.target;
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [TOPICS.commands], timeout: 10_000 }).finally(() => admin.disconnect());
}

const append = (topic: string, records: readonly OutRecord[]) =>
  fixture.produce.send({ topic, partition: 0, records }, { deadlineMs: 10_000 });

const at = async (topic: string) =>
  boundsOf(await fixture.read.bounds([topic], { timeoutMs: 5000 }), topic, 0);

async function offsets(): Promise<{
  next_offset: bigint;
  decided_through: bigint;
  commands_topic_id: string | null;
}> {
  const { rows } = await sql.query<Awaited<ReturnType<typeof offsets>>>(
    `SELECT next_offset, decided_through, commands_topic_id FROM ${VIEWS.offsets} WHERE topic = $1`,
    [TOPICS.events],
  );
  return rows[0] as Awaited<ReturnType<typeof offsets>>;
}

const create = (key: string, more: Record<string, string> = {}): Promise<Response> =>
  fetch(`${role('gateway').url}/v1/reservations`, {
    method: 'POST',
    headers: { ...TENANT, 'content-type': 'application/json', 'idempotency-key': key, ...more },
    body: JSON.stringify({ resource: 'room', quantity: 1, slot: SLOT }),
    signal: AbortSignal.timeout(30_000),
  });

const read = (id: string, token: string): Promise<Response> =>
  fetch(`${role('gateway').url}/v1/reservations/${id}`, {
    headers: { ...TENANT, 'x-consistency-token': token },
    signal: AbortSignal.timeout(20_000),
  });

const typeOf = async (response: Response): Promise<string> =>
  ((await response.json()) as { type: string }).type;

async function saysUnready(name: string, ...texts: readonly string[]): Promise<void> {
  const found = async () => {
    const { status, body } = await role(name).readyz();
    const says = JSON.stringify(body);
    if (status === 503 && texts.every((text) => says.includes(text))) return true;
    throw new Error(says);
  };
  await waitFor(found, { what: `${name} says ${texts.join(' and ')}`, timeoutMs: 60_000 });
}

describe('a commands topic that is deleted and made again under a service that runs', () => {
  const ids = { old: '', now: '' };
  const before = { token: '', reservation: '', decidedThrough: -1n, eventsEnd: -1n };

  test('before that, the projection says of which topic its decisions are', async () => {
    ids.old = (await at(TOPICS.commands)).topicId;
    for (let n = 0; n < BEFORE; n += 1) {
      const response = await create(`before-${n}`, { prefer: 'wait=15' });
      expect(response.status).toBe(201);
      const { token, reservation } = decidedSchema.parse(await response.json());
      Object.assign(before, { token, reservation: reservation?.reservationId });
    }
    expect((await read(before.reservation, before.token)).status).toBe(200);
    const { decided_through, commands_topic_id } = await offsets();
    expect(commands_topic_id).toBe(ids.old);
    expect(decided_through).toBeGreaterThanOrEqual(BigInt(BEFORE - 1));
    before.decidedThrough = decided_through;
    before.eventsEnd = (await at(TOPICS.events)).endOffset;
  });

  test('a new command is acknowledged there, and no decision of before satisfies its token', async () => {
    await deleteCommands();
    await createCommands();
    ids.now = (await at(TOPICS.commands)).topicId;
    expect(ids.now).not.toBe(ids.old);
    // The gateway that runs believes no offset below its last one: it is one started since that gets such an answer.
    await killed('gateway');
    await launch('gateway');
    await role('gateway').ready(60_000);
    const response = await create('after');
    expect(response.status).toBe(202);
    const { token } = acknowledgedSchema.parse(await response.json());
    expect(decodeToken(token)?.topicId).toBe(ids.now);
    expect(decodeToken(token)?.commandOffset).toBeLessThanOrEqual(before.decidedThrough);
    const behind = await read(before.reservation, token);
    expect(behind.headers.get('retry-after')).not.toBeNull();
    expect([behind.status, await typeOf(behind)]).toEqual([503, PROBLEMS.behind]);
  });

  test('a key of before is answered as before, with a token that every read refuses', async () => {
    const again = await create(`before-${BEFORE - 1}`);
    expect([again.status, again.headers.get('idempotency-replay')]).toEqual([202, 'true']);
    expect(acknowledgedSchema.parse(await again.json()).token).toBe(before.token);
    const foreign = await read(before.reservation, before.token);
    expect([foreign.status, await typeOf(foreign)]).toEqual([412, PROBLEMS.tokenForeign]);
  });

  test('the commands role stops and names both topics, by its snapshot', async () => {
    await saysUnready('commands', `of topic id ${ids.old}`, `reservations.commands is ${ids.now}`);
  });

  test('and by the events alone, also where the new topic goes beyond the last decision', async () => {
    await killed('commands');
    const none = SLOTS.map((slot) => ({ ...manifestRecord(slot, {} as Manifest), value: null }));
    const garbage = { key: Buffer.from('acme/room'), value: Buffer.from('{}'), headers: [] };
    const records = Array.from({ length: Number(before.decidedThrough) + 5 }, () => garbage);
    await append(TOPICS.snapshots, none);
    await append(TOPICS.commands, records);
    expect((await at(TOPICS.commands)).endOffset).toBeGreaterThan(before.decidedThrough + 1n);
    await launch('commands');
    const lives = async () => (await fetch(`${role('commands').url}/healthz`)).ok;
    await waitFor(lives, { what: 'the commands role lives', timeoutMs: 20_000 });
    await saysUnready(
      'commands',
      `event 0 was decided from reservations.commands of topic id ${ids.old}, but the topic is ${ids.now}`,
    );
    expect((await at(TOPICS.events)).endOffset).toBe(before.eventsEnd);
  });

  test('the projector stops at an event that was decided from the new topic, and its row stays as it was', async () => {
    await role('projector').ready(20_000);
    const row = await offsets();
    const decided = Number(row.decided_through);
    const decision = someDecision(decided + 1, {}, decided);
    const headers = eventHeaders(decision, 2, null, ids.now);
    await append(TOPICS.events, [{ key: Buffer.from('t/r'), value: encodeDecision(decision, 2), headers }]);
    await saysUnready('projector', `of topic id ${ids.now}`, `was decided from ${ids.old}`);
    expect(await offsets()).toEqual(row);
    expect(row).toMatchObject({ decided_through: before.decidedThrough, commands_topic_id: ids.old });
  });
});
