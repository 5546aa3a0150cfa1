import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { OutRecord } from '../../clients/kafka/ports.ts';
import type { Sql } from '../../clients/postgres/index.ts';
import { meter, paceOf, takenOf } from '../../clients/redis/gcra.ts';
import type { Claims, QuotaPolicy, Quotas } from '../../clients/redis/index.ts';
import { acknowledgedSchema, PROBLEMS, problemSchema, tenantHeader } from '../../contract/http.ts';
import { eventIdOf, partitionOf } from '../../contract/ids.ts';
import { type CommandOf, commandSchema, RECORD_HEADERS, TOPICS } from '../../contract/records.ts';
import { decodeToken } from '../../contract/token.ts';
import { UpliftError } from '../../core/error.ts';
import { parseEnv } from '../env.ts';
import { createHttp } from '../runtime/http.ts';
import { createMetrics } from '../runtime/metrics.ts';
import { createUnknownMetrics } from '../unknown/metrics.ts';
import type { UnknownOutcome } from '../unknown/outcome.ts';
import { addGatewayRoutes } from './app.ts';
import { TenantLimiter } from './rate-limit.ts';
import { AFTERMATH_MS, CommandWriter } from './write.ts';

const BODY = {
  resource: 'room-1',
  slot: { start: '2026-06-01T10:00:00Z', end: '2026-06-01T11:00:00Z' },
  quantity: 2,
};
const TOPIC_ID = 'topic-id';

function createIn(value: Buffer | null | undefined): CommandOf<'create'> {
  const command = commandSchema.parse(JSON.parse(value?.toString() ?? ''));
  if (command.type !== 'create') throw new Error(`a ${command.type} is no create`);
  return command;
}

/** A gateway over fakes: a Redis in a map, a log in an array. */
function setUp(policy?: QuotaPolicy) {
  const redis = new Map<string, string>();
  const log: { topic: string; partition: number; record: OutRecord }[] = [];
  const control = {
    redisAway: false,
    appendError: undefined as Error | undefined,
    topicId: TOPIC_ID as string | undefined,
    draining: false,
    idsRefused: false,
    absent: undefined as string | undefined,
    gate: undefined as Promise<void> | undefined,
    rows: [] as object[],
    postgresAway: false,
    nowMs: Date.UTC(2026, 5, 1),
  };
  const claims: Claims = {
    claim: async (key, value) => {
      if (control.redisAway) throw new UpliftError('UPL-REDIS-UNREACHABLE', { message: 'away' });
      const before = redis.get(key);
      if (before !== undefined) return { claimed: false, value: before };
      redis.set(key, value);
      return { claimed: true };
    },
    put: async (key, value) => {
      if (control.redisAway) throw new UpliftError('UPL-REDIS-UNREACHABLE', { message: 'away' });
      redis.set(key, value);
    },
    probe: async () => undefined,
    close: async () => undefined,
  };
  const append = async (topic: string, partition: number, record: OutRecord) => {
    await control.gate;
    if (control.appendError !== undefined) throw control.appendError;
    log.push({ topic, partition, record });
    return { partition, offset: BigInt(log.length - 1) };
  };
  let id = 0n;
  const metrics = createMetrics();
  const unknown = createUnknownMetrics(metrics.registry);
  const kept: UnknownOutcome[] = [];
  const writer = new CommandWriter({
    claims,
    append: { append },
    certainlyNotWritten: (error) => error instanceof UpliftError && error.code !== 'UPL-KAFKA-PRODUCE',
    nextId: () => {
      if (control.idsRefused) throw new UpliftError('UPL-ID-REFUSED', { message: 'no worker id' });
      id += 1n;
      return id;
    },
    keepUnknown: async (outcome) => {
      if (control.postgresAway) throw new UpliftError('UPL-POSTGRES-UNREACHABLE', { message: 'away' });
      kept.push(outcome);
    },
    nowMs: () => control.nowMs,
    onPutFailed: () => metrics.claimPutFailed.inc(),
    onKept: (done) => (done ? unknown.kept : unknown.notKept).inc(),
    region: 'local',
    produceDeadlineMs: 1000,
    commandWindowMs: 60_000,
    idempotencyTtlMs: 60_000,
  });
  const sql: Sql = {
    query: async <R extends object>() => ({ rows: control.rows as R[], rowCount: control.rows.length }),
    transaction: async () => ({ state: 'unknown', reason: 'not used' }),
    close: async () => undefined,
  };
  const meters = new Map<string, number>();
  const quotas: Quotas = {
    take: async (name, asked) => {
      if (control.redisAway) throw new UpliftError('UPL-REDIS-UNREACHABLE', { message: 'away' });
      const end = meter(meters.get(name), 0, paceOf(asked));
      meters.set(name, end.meterUs);
      return takenOf(end, 0, paceOf(asked));
    },
    close: async () => undefined,
  };
  const options = {
    role: 'gateway',
    settings: parseEnv({}),
    metrics,
    probes: () => [],
    draining: () => control.draining,
  };
  const app = createHttp(options);
  addGatewayRoutes(app, {
    writer,
    partitions: 24,
    sql,
    metrics,
    log: pino({ level: 'silent' }),
    maxInFlight: 2,
    commandsTopicId: () => control.topicId,
    draining: () => control.draining,
    unknownIds: { certainlyAbsent: async (asked) => asked === control.absent },
    limiter: policy && new TenantLimiter({ quotas, policy, metrics }),
  });
  const post = (over: { headers?: Record<string, string>; payload?: unknown } = {}) =>
    app.inject({
      method: 'POST',
      url: '/v1/reservations',
      headers: {
        'idempotency-key': 'key-1',
        'x-tenant-id': 'acme',
        'content-type': 'application/json',
        ...over.headers,
      },
      payload: JSON.stringify(over.payload ?? BODY),
    });
  return { app, post, redis, log, control, writer, kept, metrics };
}

let gateway: ReturnType<typeof setUp>;
beforeEach(() => {
  gateway = setUp();
});
afterEach(() => gateway.app.close());

const typeOf = (response: { body: string }): string => problemSchema.parse(JSON.parse(response.body)).type;

describe('POST /v1/reservations', () => {
  test('is refused with 503 and Retry-After while no id may be issued, and nothing is sent', async () => {
    gateway.control.idsRefused = true;
    const response = await gateway.post();
    expect(response.statusCode).toBe(503);
    expect(typeOf(response)).toBe(PROBLEMS.notReady);
    expect(response.headers['retry-after']).toBe('1');
    expect(gateway.log).toEqual([]);
    expect(gateway.redis.size).toBe(0);
  });

  test('answers 202 with operation and token once the command is in the log', async () => {
    const response = await gateway.post();
    expect(response.statusCode).toBe(202);
    const body = acknowledgedSchema.parse(response.json());
    const operationId = eventIdOf('acme', 'key-1');
    expect(body.operationId).toBe(operationId);
    expect(response.headers.location).toBe(`/v1/operations/${operationId}`);
    const partition = partitionOf('acme/room-1', 24);
    expect(decodeToken(body.token)).toEqual({
      region: 'local',
      topicId: TOPIC_ID,
      partition,
      commandOffset: 0n,
    });
    expect(gateway.log.map((each) => [each.topic, each.partition])).toEqual([[TOPICS.commands, partition]]);
  });

  test('writes a valid command under its resource key, with the four headers in their order', async () => {
    await gateway.post({ headers: { traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01` } });
    const record = gateway.log[0]?.record;
    const command = createIn(record?.value);
    expect(command).toMatchObject({
      tenant: 'acme',
      resource: 'room-1',
      eventId: eventIdOf('acme', 'key-1'),
    });
    expect(command.notAfterMs - command.issuedAtMs).toBe(60_000);
    expect(record?.key?.toString()).toBe('acme/room-1');
    expect(record?.headers.map(([key]) => key.toString())).toEqual([...RECORD_HEADERS]);
    expect(record?.headers[3]?.[1]?.toString()).toBe(`00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`);
  });

  test('answers the same 202 again for the same key and payload, and writes nothing more', async () => {
    const first = await gateway.post();
    await gateway.writer.settle();
    const again = await gateway.post({ payload: { quantity: 2, slot: BODY.slot, resource: BODY.resource } });
    expect([again.statusCode, again.json()]).toEqual([202, first.json()]);
    expect(again.headers['idempotency-replay']).toBe('true');
    expect(gateway.log).toHaveLength(1);
  });

  test('answers 422 when the key was used for another payload, acknowledged or not', async () => {
    gateway.control.appendError = new UpliftError('UPL-KAFKA-PRODUCE', { message: 'deadline' });
    await gateway.post();
    const other = await gateway.post({ payload: { ...BODY, quantity: 3 } });
    expect([other.statusCode, typeOf(other)]).toEqual([422, PROBLEMS.keyReused]);
  });

  test('never answers 202 for an unknown outcome: 503 with the operation, and a retry offers the same reservation', async () => {
    gateway.control.appendError = new UpliftError('UPL-KAFKA-PRODUCE', { message: 'deadline' });
    const unknown = await gateway.post();
    expect(unknown.statusCode).toBe(503);
    const operation = `/v1/operations/${eventIdOf('acme', 'key-1')}`;
    expect(problemSchema.parse(unknown.json())).toMatchObject({ type: PROBLEMS.outcomeUnknown, operation });
    gateway.control.appendError = undefined;
    const claimed = JSON.parse([...gateway.redis.values()][0] ?? '{}') as { r: string };
    expect((await gateway.post()).statusCode).toBe(202);
    const command = createIn(gateway.log[0]?.record.value);
    expect(command.reservationId).toBe(claimed.r);
  });

  test('keeps the very bytes of an unknown outcome for the sweeper, and says 503 all the same when it cannot', async () => {
    gateway.control.appendError = new UpliftError('UPL-KAFKA-PRODUCE', { message: 'deadline' });
    await gateway.post();
    const [kept] = gateway.kept;
    const eventId = eventIdOf('acme', 'key-1');
    const partition = partitionOf('acme/room-1', 24);
    expect(kept).toMatchObject({
      tenant: 'acme',
      eventId,
      topic: TOPICS.commands,
      topicId: TOPIC_ID,
      partition,
    });
    const command = commandSchema.parse(JSON.parse(kept?.record.value.toString() ?? ''));
    expect(command).toMatchObject({ eventId, notAfterMs: kept?.notAfterMs, issuedAtMs: kept?.issuedAtMs });
    expect(kept?.record.headers.map(([name]) => name.toString())).toEqual([...RECORD_HEADERS]);
    gateway.control.postgresAway = true;
    const response = await gateway.post({ headers: { 'idempotency-key': 'key-2' } });
    expect([response.statusCode, typeOf(response)]).toEqual([503, PROBLEMS.outcomeUnknown]);
    const shown = await gateway.metrics.registry.metrics();
    expect(shown).toContain('uplift_unknown_kept_total 1');
    expect(shown).toContain('uplift_unknown_not_kept_total 1');
  });

  test('keeps nothing of a request that was refused before it was sent', async () => {
    gateway.control.appendError = new UpliftError('UPL-KAFKA-OVERLOADED', { message: 'queue full' });
    await gateway.post();
    expect(gateway.kept).toEqual([]);
  });

  test('answers 409 with Retry-After while a request with the key still runs, and 422 for another payload', async () => {
    const gate = Promise.withResolvers<void>();
    gateway.control.gate = gate.promise;
    const first = gateway.post();
    await expect.poll(() => gateway.redis.size).toBe(1);
    const second = await gateway.post();
    expect([second.statusCode, typeOf(second)]).toEqual([409, PROBLEMS.keyRunning]);
    expect(second.headers['retry-after']).toBe('1');
    expect((await gateway.post({ payload: { ...BODY, quantity: 3 } })).statusCode).toBe(422);
    gate.resolve();
    expect((await first).statusCode).toBe(202);
    expect(gateway.log).toHaveLength(1);
  });

  test.each(['UPL-KAFKA-PRODUCE', 'UPL-KAFKA-OVERLOADED'] as const)(
    'an attempt that ended with %s lets the next one go on at once',
    async (code) => {
      gateway.control.appendError = new UpliftError(code, { message: 'no' });
      expect((await gateway.post()).statusCode).toBe(503);
      gateway.control.appendError = undefined;
      expect((await gateway.post()).statusCode).toBe(202);
    },
  );

  test('a claim of a gateway that died is running for a bounded time; then the same operation goes on', async () => {
    gateway.control.gate = Promise.withResolvers<void>().promise;
    void gateway.post();
    await expect.poll(() => gateway.redis.size).toBe(1);
    gateway.control.gate = undefined;
    expect((await gateway.post()).statusCode).toBe(409);
    gateway.control.nowMs += 1000 + AFTERMATH_MS;
    const response = await gateway.post();
    expect(response.statusCode).toBe(202);
    expect(response.json().operationId).toBe(eventIdOf('acme', 'key-1'));
  });

  test('an unexpected failure of the append counts as unknown, not as refused', async () => {
    gateway.control.appendError = new TypeError('boom');
    expect(typeOf(await gateway.post())).toBe(PROBLEMS.outcomeUnknown);
  });

  test('a refusal before sending is 503 overloaded with Retry-After and without an operation', async () => {
    gateway.control.appendError = new UpliftError('UPL-KAFKA-OVERLOADED', { message: 'queue full' });
    const response = await gateway.post();
    expect([response.statusCode, typeOf(response), response.headers['retry-after']]).toEqual([
      503,
      PROBLEMS.overloaded,
      '1',
    ]);
    expect(response.headers.location).toBeUndefined();
  });

  test('refuses what exceeds the bound of requests in flight', async () => {
    const gate = Promise.withResolvers<void>();
    gateway.control.gate = gate.promise;
    const held = [
      gateway.post({ headers: { 'idempotency-key': 'a' } }),
      gateway.post({ headers: { 'idempotency-key': 'b' } }),
    ];
    await expect.poll(() => gateway.redis.size).toBe(2);
    expect(typeOf(await gateway.post({ headers: { 'idempotency-key': 'c' } }))).toBe(PROBLEMS.overloaded);
    gate.resolve();
    expect((await Promise.all(held)).map((r) => r.statusCode)).toEqual([202, 202]);
    expect((await gateway.post({ headers: { 'idempotency-key': 'c' } })).statusCode).toBe(202);
  });

  test('with no store for claims it answers 503 not-ready and sends nothing', async () => {
    gateway.control.redisAway = true;
    const response = await gateway.post();
    expect([response.statusCode, typeOf(response)]).toEqual([503, PROBLEMS.notReady]);
    expect(gateway.log).toHaveLength(0);
  });

  test('an acknowledgement that cannot be stored is still an acknowledgement, and is counted', async () => {
    const gate = Promise.withResolvers<void>();
    gateway.control.gate = gate.promise;
    const answer = gateway.post();
    await expect.poll(() => gateway.redis.size).toBe(1);
    gateway.control.redisAway = true;
    gate.resolve();
    expect((await answer).statusCode).toBe(202);
    await gateway.writer.settle();
    expect(await gateway.metrics.registry.metrics()).toContain('uplift_claim_put_failed_total 1');
  });

  test('writes nothing while the commands topic is not as it has to be, or while draining', async () => {
    gateway.control.topicId = undefined;
    expect(typeOf(await gateway.post())).toBe(PROBLEMS.notReady);
    gateway.control.topicId = TOPIC_ID;
    gateway.control.draining = true;
    expect(typeOf(await gateway.post())).toBe(PROBLEMS.notReady);
    expect((await gateway.app.inject('/readyz')).statusCode).toBe(503);
    expect((await gateway.app.inject('/healthz')).statusCode).toBe(200);
    expect(gateway.redis.size).toBe(0);
  });

  test.each([
    ['no key', { headers: { 'idempotency-key': '' } }, PROBLEMS.keyMissing, 400],
    [
      'a key of 256 characters',
      { headers: { 'idempotency-key': 'x'.repeat(256) } },
      PROBLEMS.keyMissing,
      400,
    ],
    ['no tenant', { headers: { 'x-tenant-id': '' } }, PROBLEMS.invalid, 400],
    ['a tenant with a slash', { headers: { 'x-tenant-id': 'a/b' } }, PROBLEMS.invalid, 400],
    ['a quantity of 0', { payload: { ...BODY, quantity: 0 } }, PROBLEMS.invalid, 400],
    [
      'a slot that ends before it starts',
      { payload: { ...BODY, slot: { start: BODY.slot.end, end: BODY.slot.start } } },
      PROBLEMS.invalid,
      400,
    ],
    ['a body that is too large', { payload: { ...BODY, more: 'x'.repeat(20_000) } }, PROBLEMS.invalid, 413],
    ['a body that is no object', { payload: 7 }, PROBLEMS.invalid, 400],
  ])('refuses %s before it claims anything', async (_, over, type, status) => {
    const response = await gateway.post(over);
    expect([response.statusCode, typeOf(response)]).toEqual([status, type]);
    expect(response.headers['content-type']).toContain('application/problem+json');
    expect(gateway.redis.size).toBe(0);
  });

  test('a body that is not JSON is 400, another media type 415, never 500', async () => {
    const headers = { 'idempotency-key': 'k', 'x-tenant-id': 't' };
    const url = '/v1/reservations';
    const bad = { method: 'POST', url, payload: '{' } as const;
    const json = await gateway.app.inject({
      ...bad,
      headers: { ...headers, 'content-type': 'application/json' },
    });
    const xml = await gateway.app.inject({
      ...bad,
      headers: { ...headers, 'content-type': 'application/xml' },
    });
    expect([json.statusCode, xml.statusCode]).toEqual([400, 415]);
  });
});

describe('reads', () => {
  const get = (url: string) => gateway.app.inject({ url, headers: { [tenantHeader]: 'acme' } });

  test('say for which tenant: without one nothing is read', async () => {
    gateway.control.rows = [{ event_id: 'x' }];
    for (const url of [`/v1/operations/${'a'.repeat(32)}`, '/v1/reservations/abc']) {
      const response = await gateway.app.inject({ url });
      expect([response.statusCode, typeOf(response)]).toEqual([400, PROBLEMS.invalid]);
    }
  });

  test('an operation that the projection has not decided is 404', async () => {
    const response = await get(`/v1/operations/${'a'.repeat(32)}`);
    expect([response.statusCode, typeOf(response)]).toEqual([404, PROBLEMS.notFound]);
  });

  test('an id that cannot be one of ours is 404 without asking Postgres', async () => {
    gateway.control.rows = [{ event_id: 'x' }];
    expect((await get('/v1/operations/nonsense')).statusCode).toBe(404);
    expect((await get('/v1/reservations/%27%20OR%201')).statusCode).toBe(404);
  });

  test('an operation answers its first decision', async () => {
    gateway.control.rows = [
      {
        event_id: 'a'.repeat(32),
        decision: 'rejected',
        reservation_id: null,
        reason: 'full',
        command_partition: 3,
        command_offset: 9n,
      },
    ];
    const response = await get(`/v1/operations/${'a'.repeat(32)}`);
    expect(response.json()).toMatchObject({
      decision: 'rejected',
      reason: 'full',
      commandPartition: 3,
      commandOffset: '9',
    });
  });
});

describe('a limit per tenant', () => {
  let limited: ReturnType<typeof setUp>;
  beforeEach(() => {
    limited = setUp({ quota: 3, windowMs: 30_000 });
  });
  afterEach(() => limited.app.close());
  const ask = (tenant?: string) =>
    limited.app.inject({
      url: `/v1/reservations/none`,
      headers: tenant === undefined ? {} : { 'x-tenant-id': tenant },
    });

  test('counts all requests of a tenant and answers 429 with Retry-After and RateLimit fields', async () => {
    const first = await limited.post();
    expect(first.statusCode).toBe(202);
    expect(first.headers['ratelimit-policy']).toBe('"tenant";q=3;w=30');
    expect(first.headers.ratelimit).toBe('"tenant";r=2;t=10');
    await ask('acme');
    expect((await ask('acme')).headers.ratelimit).toBe('"tenant";r=0;t=10');
    const last = await limited.post({ headers: { 'idempotency-key': 'key-2' } });
    expect(last.statusCode).toBe(429);
    expect(typeOf(last)).toBe(PROBLEMS.rateLimited);
    expect(last.headers['retry-after']).toBe('10');
    expect(last.headers.ratelimit).toBe('"tenant";r=0;t=10');
    expect(limited.log).toHaveLength(1);
  });

  test('is of one tenant only, and neither of requests without one nor of what probes ask', async () => {
    for (let i = 0; i < 4; i += 1) await ask('acme');
    expect((await ask('other')).statusCode).toBe(404);
    for (let i = 0; i < 5; i += 1) expect((await ask()).statusCode).toBe(400);
    const health = await limited.app.inject({ url: '/healthz', headers: { 'x-tenant-id': 'acme' } });
    expect(health.statusCode).toBe(200);
    expect(health.headers.ratelimit).toBeUndefined();
  });

  test('ends while Redis is away, which is counted, and Redis is not asked at every request', async () => {
    limited.control.redisAway = true;
    for (let i = 0; i < 5; i += 1) expect((await ask('acme')).statusCode).toBe(404);
    expect((await limited.metrics.rateLimitSkipped.get()).values[0]?.value).toBe(5);
    limited.control.redisAway = false;
    expect((await ask('acme')).headers.ratelimit).toBeUndefined();
  });
});

test('a reservation that certainly does not exist is 404 without Postgres, every other one is asked for', async () => {
  const id = '00000000abcde-00000000';
  gateway.control.absent = id;
  gateway.control.rows = [{ not: 'a reservation' }];
  const get = (url: string) => gateway.app.inject({ url, headers: { [tenantHeader]: 'acme' } });
  expect((await get(`/v1/reservations/${id}`)).statusCode).toBe(404);
  expect((await get('/v1/reservations/00000000abcdf-00000000')).statusCode).toBe(500);
});
