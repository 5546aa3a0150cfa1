import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startKafka, type TestKafka } from '../../test/support/kafka-cluster.ts';
import { freePorts } from '../../test/support/kafka-node.ts';
import { startPostgres, type TestPostgres } from '../../test/support/postgres-server.ts';
import { startRedis, type TestRedis } from '../../test/support/redis-cluster.ts';
import { postgresUrl, type RoleProcess, roleEnv, startRole } from '../../test/support/service-roles.ts';
import { openProduce, openRead, openTopics } from '../clients/kafka/index.ts';
import { openSql } from '../clients/postgres/index.ts';
import { dlqOf } from '../contract/dead-letter.ts';
import { acknowledgedSchema, decidedSchema, PROBLEMS } from '../contract/http.ts';
import { eventIdOf, partitionOf, reservationIdOf } from '../contract/ids.ts';
import { VIEWS } from '../contract/projection.ts';
import { type Decision, type ReservationState, TOPICS } from '../contract/records.ts';
import { decodeToken } from '../contract/token.ts';
import { waitFor } from '../core/wait.ts';
import { decodeDecision, encodeDecision } from './domain/codec.ts';
import { apply, chain, emptyState } from './domain/state.ts';

const PARTITIONS = 6;
const ROLES = ['gateway', 'commands', 'projector'] as const;
type Role = (typeof ROLES)[number];

let kafka: TestKafka;
let postgres: TestPostgres;
let redis: TestRedis;
let env: Record<string, string>;
const ports = new Map<string, number>();
const roles = new Map<Role, RoleProcess>();

const role = (name: Role): RoleProcess => roles.get(name) as RoleProcess;

function launch(name: Role): RoleProcess {
  const started = startRole(name, ports.get(name) ?? 0, env, kafka.folder);
  roles.set(name, started);
  return started;
}

beforeAll(async () => {
  [kafka, postgres, redis] = await Promise.all([
    startKafka('uplift-service-kafka'),
    startPostgres('uplift-service-pg'),
    startRedis('uplift-service-redis'),
  ]);
  for (const [at, port] of (await freePorts(4)).entries()) ports.set(ROLES[at] ?? 'other', port);
  const more = { BLOOM: 'on', BLOOM_REBUILD_MS: '2000', RATE_LIMIT_PER_TENANT: '100000/1' };
  // The first of the two servers to read from is not there.
  const reads = { POSTGRES_READ_URL: `postgres://nobody@127.0.0.1:1/x,${postgresUrl(postgres.direct)}` };
  env = { ...roleEnv({ kafka, postgres, redis }, PARTITIONS), ...more, ...reads };
  expect(await startRole('migrate', 0, env, kafka.folder).exit).toBe(0);
});

afterAll(async () => {
  for (const each of roles.values()) each.signal('SIGKILL');
  await Promise.all([kafka?.stop(), postgres?.stop(), redis?.stop()]);
});

const slotOf = (hour: number) => ({
  start: new Date(Date.UTC(2027, 0, 1, hour)).toISOString(),
  end: new Date(Date.UTC(2027, 0, 1, hour + 1)).toISOString(),
});

const TENANT = { 'x-tenant-id': 'acme' };

function create(key: string, body: { resource: string; quantity: number; hour?: number }): Promise<Response> {
  return fetch(`${role('gateway').url}/v1/reservations`, {
    method: 'POST',
    headers: { ...TENANT, 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify({ resource: body.resource, quantity: body.quantity, slot: slotOf(body.hour ?? 0) }),
    signal: AbortSignal.timeout(20_000),
  });
}

async function decisionOf(
  operationId: string,
  timeoutMs = 15_000,
): Promise<{ decision: string; reservationId: string | null; reason: string | null }> {
  const ask = async () => {
    const response = await fetch(`${role('gateway').url}/v1/operations/${operationId}`, { headers: TENANT });
    return (
      response.status === 200 &&
      ((await response.json()) as { decision: string; reservationId: string | null; reason: string | null })
    );
  };
  return waitFor(ask, { what: `operation ${operationId}`, timeoutMs, intervalMs: 50 });
}

/** Every decision of the events topic, by partition, in log order. */
async function readEvents(): Promise<Map<number, Decision[]>> {
  const read = openRead(kafka.target);
  try {
    const bounds = (await read.bounds([TOPICS.events], { timeoutMs: 5000 })).filter(
      (each) => each.endOffset > 0n,
    );
    const ends = new Map(bounds.map((each) => [each.partition, each.endOffset]));
    const reader = read.open(
      bounds.map(({ topic, topicId, partition }) => ({ topic, topicId, partition, nextOffset: 0n })),
    );
    const all = new Map<number, Decision[]>();
    while (ends.size > 0) {
      const batch = await reader.next(5000);
      if (batch === undefined) throw new Error('no events for 5 s');
      const decisions = all.get(batch.partition) ?? [];
      for (const record of batch.records) decisions.push(decodeDecision(record.value) as Decision);
      all.set(batch.partition, decisions);
      if (batch.nextOffset >= (ends.get(batch.partition) ?? 0n)) ends.delete(batch.partition);
    }
    return all;
  } finally {
    await read.close();
  }
}

/** Folds the events as a restore does; returns first decisions by event id. Fails on a gap or on two different decisions. */
function foldAll(events: ReadonlyMap<number, readonly Decision[]>): Map<string, Decision> {
  const firsts = new Map<string, Decision>();
  for (const decisions of events.values()) {
    const state = emptyState();
    const byOffset = new Map<string, string>();
    for (const decision of decisions) {
      const bytes = encodeDecision(decision).toString();
      expect(byOffset.get(decision.commandOffset) ?? bytes).toBe(bytes);
      byOffset.set(decision.commandOffset, bytes);
      if (chain(state, decision) === 'repeat') continue;
      expect(chain(state, decision)).toBe('next');
      apply(state, decision);
      if (decision.eventId !== null && decision.decision !== 'repeated')
        firsts.set(decision.eventId, decision);
    }
  }
  return firsts;
}

describe('the reference service on real servers', () => {
  test('roles live before the topics do, and are not ready', async () => {
    for (const name of ROLES) launch(name);
    for (const name of ROLES) {
      const health = async () => (await fetch(`${role(name).url}/healthz`)).status === 200;
      await waitFor(health, { what: `${name} lives`, timeoutMs: 20_000 });
      const { status, body } = await role(name).readyz();
      expect([status, (body as { role: string }).role]).toEqual([503, name]);
    }
    const refused = await create('too-early', { resource: 'r', quantity: 1 });
    expect([refused.status, ((await refused.json()) as { type: string }).type]).toEqual([
      503,
      PROBLEMS.notReady,
    ]);
  });

  test('they become ready by themselves once the topics exist', async () => {
    const topics = openTopics(kafka.target);
    const assignment = Array.from({ length: PARTITIONS }, (_, p) => [0, 1, 2].map((r) => ((p + r) % 3) + 1));
    const common = { assignment, configs: { 'min.insync.replicas': '2' } };
    const logTime = { ...common.configs, 'message.timestamp.type': 'LogAppendTime' };
    const specs = [
      { ...common, name: TOPICS.commands, configs: logTime },
      ...[TOPICS.events, dlqOf(TOPICS.events)].map((name) => ({ ...common, name })),
      { ...common, name: TOPICS.snapshots, configs: { ...common.configs, 'cleanup.policy': 'compact' } },
    ];
    const results = await topics.create(specs, { validateOnly: false, timeoutMs: 10_000 });
    await topics.close();
    expect(results.map((result) => result.error)).toEqual([null, null, null, null]);
    for (const name of ROLES) await role(name).ready(30_000);
  });

  test('a create is acknowledged, decided and projected; the same key answers the same, another payload 422', async () => {
    const first = await create('k1', { resource: 'room', quantity: 2 });
    expect(first.status).toBe(202);
    const body = acknowledgedSchema.parse(await first.json());
    expect(body.operationId).toBe(eventIdOf('acme', 'k1'));
    expect(decodeToken(body.token)?.partition).toBe(partitionOf('acme/room', PARTITIONS));
    const decision = await decisionOf(body.operationId);
    expect(decision).toMatchObject({ decision: 'accepted', reason: null });
    const stored = await fetch(`${role('gateway').url}/v1/reservations/${decision.reservationId}`, {
      headers: TENANT,
    });
    expect(await stored.json()).toMatchObject({
      tenant: 'acme',
      resource: 'room',
      quantity: 2,
      slot: slotOf(0),
    });
    const again = await create('k1', { resource: 'room', quantity: 2 });
    expect([again.status, again.headers.get('idempotency-replay')]).toEqual([202, 'true']);
    expect(await again.json()).toEqual(body);
    expect((await create('k1', { resource: 'room', quantity: 3 })).status).toBe(422);
  });

  test('what does not fit is rejected as full', async () => {
    const ids = ['f1', 'f2'].map((key) => eventIdOf('acme', key));
    expect((await create('f1', { resource: 'hall', quantity: 60 })).status).toBe(202);
    expect((await create('f2', { resource: 'hall', quantity: 60 })).status).toBe(202);
    expect(await Promise.all(ids.map((each) => decisionOf(each)))).toMatchObject([
      { decision: 'accepted' },
      { decision: 'rejected', reason: 'full' },
    ]);
  });

  test('a hold is made, moved, confirmed and cancelled, each answered with its decision and read by its token', async () => {
    const ask = async (method: string, path: string, key: string, body?: object) => {
      const response = await fetch(`${role('gateway').url}/v1/reservations${path}`, {
        method,
        headers: {
          ...TENANT,
          'idempotency-key': key,
          prefer: 'wait=15',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(20_000),
      });
      return { status: response.status, body: await response.json() };
    };
    const body = { resource: 'suite', quantity: 60, slot: slotOf(0), hold: true, holdSeconds: 600 };
    const held = await ask('POST', '', 'h1', body);
    expect(held.status).toBe(201);
    const { reservation, token } = decidedSchema.parse(held.body);
    expect(reservation).toMatchObject({ status: 'held', version: 1, resource: 'suite' });
    const id = reservation?.reservationId ?? '';
    const full = await ask('POST', '', 'h2', { ...body, hold: false, holdSeconds: undefined });
    expect(full).toMatchObject({ status: 409, body: { type: PROBLEMS.full } });
    const moved = await ask('PATCH', `/${id}`, 'h3', { resource: 'suite', slot: slotOf(5), quantity: 70 });
    expect(moved).toMatchObject({ status: 200, body: { reservation: { version: 2, slot: slotOf(5) } } });
    expect(await ask('POST', `/${id}/confirm`, 'h4')).toMatchObject({ status: 200 });
    expect(await ask('POST', `/${id}/confirm`, 'h5')).toMatchObject({
      status: 409,
      body: { type: PROBLEMS.notHeld },
    });
    const elsewhere = await ask('PATCH', `/${id}`, 'h6', { resource: 'room', quantity: 1 });
    expect(elsewhere).toMatchObject({ status: 422, body: { type: PROBLEMS.otherResource } });
    const cancelled = await ask('DELETE', `/${id}`, 'h7');
    expect(cancelled).toMatchObject({
      status: 200,
      body: { reservation: { status: 'cancelled', version: 4 } },
    });
    const last = decidedSchema.parse(cancelled.body).token;
    const read = (path: string, headers: Record<string, string>) =>
      fetch(`${role('gateway').url}${path}`, { headers: { ...TENANT, ...headers } });
    const list = await read('/v1/resources/suite/reservations?limit=1', { 'x-consistency-token': last });
    expect(await list.json()).toMatchObject({
      reservations: [{ reservationId: id, version: 4 }],
      next: null,
    });
    const other = await read(`/v1/reservations/${id}`, {
      'x-tenant-id': 'else',
      'x-consistency-token': token,
    });
    expect(other.status).toBe(404);
    expect(await role('gateway').metric('uplift_reads_total{source="replica"}')).toBeGreaterThan(0);
  });

  test('garbage in the commands topic gets its decision and stops nobody', async () => {
    const produce = await openProduce(kafka.target);
    const record = { key: Buffer.from('acme/room'), value: Buffer.from([0xff, 0x00]), headers: [] };
    const partition = partitionOf('acme/room', PARTITIONS);
    await produce.send({ topic: TOPICS.commands, partition, records: [record] }, { deadlineMs: 5000 });
    await produce.close();
    const after = await create('k2', { resource: 'room', quantity: 1 });
    expect(after.status).toBe(202);
    expect((await decisionOf(eventIdOf('acme', 'k2'))).decision).toBe('accepted');
    const kinds = (await readEvents()).get(partition)?.map((each) => each.decision);
    expect(kinds).toContain('unparseable');
  });

  test('commands killed under load restores from events and decides nothing differently', async () => {
    const acknowledged: string[] = [];
    let next = 0;
    const worker = async (until: () => boolean): Promise<void> => {
      while (!until()) {
        const n = next++;
        const response = await create(`load-${n}`, { resource: `res-${n % 20}`, quantity: 7, hour: n % 3 });
        if (response.status === 202) acknowledged.push(eventIdOf('acme', `load-${n}`));
      }
    };
    let done = false;
    const workers = Array.from({ length: 8 }, () => worker(() => done));
    try {
      for (let kill = 0; kill < 3; kill += 1) {
        const before = acknowledged.length;
        await waitFor(async () => acknowledged.length > before + 150, { what: 'load', timeoutMs: 30_000 });
        role('commands').signal('SIGKILL');
        await role('commands').exit;
        launch('commands');
        await role('commands').ready(30_000);
      }
    } finally {
      done = true;
      await Promise.all(workers);
    }
    for (const each of acknowledged) await decisionOf(each, 30_000);
    const firsts = foldAll(await readEvents());
    expect(acknowledged.filter((each) => !firsts.has(each))).toEqual([]);
    // As they stand at the end: a reservation that was changed is in several decisions.
    const last = new Map<string, ReservationState>();
    for (const { decision, reservation } of firsts.values())
      if (decision === 'accepted' && reservation !== null) last.set(reservation.id, reservation);
    const held = [...last.values()].filter(({ status }) => status === 'active' || status === 'held');
    const taken = Map.groupBy(held, (r) => `${r.resource} ${r.slot.start}`);
    for (const group of taken.values())
      expect(group.reduce((sum, r) => sum + r.quantity, 0)).toBeLessThanOrEqual(100);
    expect([...firsts.values()].some((d) => d.decision === 'rejected')).toBe(true);
    expect(await role('commands').metric('uplift_decision_differs_total')).toBe(0);
  });

  test('the projection equals a fold of the events', async () => {
    const firsts = foldAll(await readEvents());
    const sql = openSql(postgres.direct);
    const caughtUp = async () => {
      const { rows } = await sql.query<{ event_id: string; decision: string; reservation_id: string | null }>(
        `SELECT event_id, decision, reservation_id FROM ${VIEWS.operations}`,
      );
      return rows.length === firsts.size && rows;
    };
    const rows = await waitFor(caughtUp, { what: 'the projection', timeoutMs: 15_000 });
    const wanted = [...firsts].map(([event_id, d]) => ({
      event_id,
      decision: d.decision,
      reservation_id: d.reservation?.id ?? null,
    }));
    const byId = (a: { event_id: string }, b: { event_id: string }) => (a.event_id < b.event_id ? -1 : 1);
    expect(rows.toSorted(byId)).toEqual(wanted.toSorted(byId));
    await sql.close();
  });

  test('a read of an old id that does not exist is spared Postgres once a filter is built; one that exists is found', async () => {
    const gateway = role('gateway');
    const read = (id: string): Promise<Response> =>
      fetch(`${gateway.url}/v1/reservations/${id}`, { headers: { 'x-tenant-id': 'acme' } });
    const unknown = reservationIdOf(1n << 22n, 'acme/nowhere');
    const spared = async (): Promise<boolean> => {
      expect((await read(unknown)).status).toBe(404);
      return (await gateway.metric('uplift_bloom_looks_total{outcome="absent"}')) > 0;
    };
    await waitFor(spared, { what: 'an answer of the filter', timeoutMs: 60_000, intervalMs: 500 });
    const sql = openSql(postgres.direct);
    const { rows } = await sql.query<{ reservation_id: string }>(
      `SELECT reservation_id FROM ${VIEWS.reservations} LIMIT 20`,
    );
    await sql.close();
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) {
      const response = await read(row.reservation_id);
      expect(response.status).toBe(200);
      expect(response.headers.get('ratelimit-policy')).toBe('"tenant";q=100000;w=1');
    }
  });

  test('without Postgres commands are still acknowledged; the projector waits, is not ready, and catches up', async () => {
    await postgres.kill();
    const away = async () => (await role('projector').readyz()).status === 503;
    await waitFor(away, { what: 'projector not ready', timeoutMs: 15_000 });
    const during = await create('pg-away', { resource: 'late', quantity: 1 });
    expect(during.status).toBe(202);
    await postgres.start();
    expect((await decisionOf(eventIdOf('acme', 'pg-away'), 30_000)).decision).toBe('accepted');
    await role('projector').ready(20_000);
  });

  test('a gateway with another partition count is not ready and writes nothing', async () => {
    const other = startRole(
      'gateway',
      ports.get('other') ?? 0,
      {
        ...env,
        TOPIC_PARTITIONS: '7',
        INSTANCE: 'wrong',
      },
      kafka.folder,
    );
    const says = async () => JSON.stringify((await other.readyz()).body).includes('TOPIC_PARTITIONS is 7');
    await waitFor(says, { what: 'the reason in readyz', timeoutMs: 20_000 });
    const headers = { 'content-type': 'application/json', 'x-tenant-id': 'acme', 'idempotency-key': 'wrong' };
    const body = JSON.stringify({ resource: 'r', quantity: 1, slot: slotOf(0) });
    const response = await fetch(`${other.url}/v1/reservations`, { method: 'POST', headers, body });
    expect([response.status, ((await response.json()) as { type: string }).type]).toEqual([
      503,
      PROBLEMS.notReady,
    ]);
    other.signal('SIGKILL');
    await other.exit;
  });

  test('SIGTERM drains: every request that was accepted is answered and the roles end within 10 s', async () => {
    const refused = (error: unknown): number =>
      (error as { cause?: { code?: string } }).cause?.code === 'ECONNREFUSED' ? 503 : 0;
    const one = (i: number) =>
      create(`drain-${i}`, { resource: `d-${i}`, quantity: 1 }).then((r) => r.status, refused);
    const before = await role('gateway').metric('uplift_acknowledged_total');
    const inFlight = Array.from({ length: 200 }, (_, i) => one(i));
    const some = async () => (await role('gateway').metric('uplift_acknowledged_total')) > before;
    await waitFor(some, { what: 'work', timeoutMs: 10_000, intervalMs: 5 });
    const startedMs = performance.now();
    role('gateway').signal('SIGTERM');
    const statuses = await Promise.all(inFlight);
    expect(statuses.filter((status) => status !== 202 && status !== 503)).toEqual([]);
    // The gateway was asked: a second signal to a process that is just ending would end it as a signal does.
    for (const name of ROLES) if (name !== 'gateway') role(name).signal('SIGTERM');
    expect(await Promise.all(ROLES.map((name) => role(name).exit))).toEqual([143, 143, 143]);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
  });
});
