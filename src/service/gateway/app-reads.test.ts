import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PROBLEMS, tenantHeader } from '../../contract/http.ts';
import { encodeCursor } from './cursor.ts';
import { setUp, typeOf } from './testing/gateway.ts';

let gateway: ReturnType<typeof setUp>;
beforeEach(() => {
  gateway = setUp();
});
afterEach(() => gateway.app.close());

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
        concerns: null,
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

test('a time that Postgres could not read is refused before it is asked, also in a cursor', async () => {
  const endless = `2026-06-01T10:00:00.${'1'.repeat(300)}Z`;
  const scope = ['acme', 'resource', 'room-1', '1970-01-01T00:00:00Z', 'infinity'];
  const asked = [`from=${endless}`, `to=${endless}`, `cursor=${encodeCursor(scope, [endless, 'a'])}`];
  gateway.control.query = (text) => expect.unreachable(text);
  for (const query of asked) {
    const url = `/v1/resources/room-1/reservations?${query}`;
    const response = await gateway.app.inject({ url, headers: { [tenantHeader]: 'acme' } });
    expect([query.slice(0, 6), response.statusCode, typeOf(response)]).toEqual([
      query.slice(0, 6),
      400,
      PROBLEMS.invalid,
    ]);
  }
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
  expect((await get('/v1/reservations/00000000abcdf-00000000')).statusCode).toBe(503);
});

test('a row that cannot be read is 503 with its id and is counted, alone and in a list: a list never leaves one out', async () => {
  const id = '00000000abcde-00000000';
  gateway.control.rows = [{ reservation_id: id, status: 'of the future' }];
  for (const url of [`/v1/reservations/${id}`, '/v1/reservations', '/v1/resources/room-1/reservations']) {
    const response = await gateway.app.inject({ url, headers: { [tenantHeader]: 'acme' } });
    expect([url, response.statusCode, typeOf(response)]).toEqual([url, 503, PROBLEMS.notReady]);
    expect(response.headers['retry-after']).toBeDefined();
    expect(response.json().detail).toContain(id);
    expect(response.body).not.toContain('of the future');
  }
  expect((await gateway.metrics.unreadableRows.get()).values[0]?.value).toBe(3);
});
