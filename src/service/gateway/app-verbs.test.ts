import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PROBLEMS, tokenHeader } from '../../contract/http.ts';
import { eventIdOf, partitionOf, reservationIdOf } from '../../contract/ids.ts';
import { type Command, commandSchema } from '../../contract/records.ts';
import { encodeToken } from '../../contract/token.ts';
import { BODY, setUp, TOPIC_ID, typeOf } from './testing/gateway.ts';

const ID = reservationIdOf(7n, 'acme/room-1');
const OTHER_SLOT = { start: '2026-07-01T10:00:00Z', end: '2026-07-01T11:00:00Z' };

let gateway: ReturnType<typeof setUp>;
beforeEach(() => {
  gateway = setUp();
});
afterEach(() => gateway.app.close());

type Method = 'POST' | 'PATCH' | 'DELETE' | 'GET';

function send(method: Method, url: string, payload?: unknown, headers: Record<string, string> = {}) {
  const body = payload === undefined ? {} : { payload: JSON.stringify(payload) };
  const type = payload === undefined ? {} : { 'content-type': 'application/json' };
  const own = { 'idempotency-key': 'key-1', 'x-tenant-id': 'acme', ...type, ...headers };
  return gateway.app.inject({ method, url, headers: own, ...body });
}

const written = (): Command[] =>
  gateway.log.map(({ record }) => commandSchema.parse(JSON.parse(record.value?.toString() ?? '')));

const decided = (over: object = {}): object[] => [
  {
    tenant: 'acme',
    event_id: eventIdOf('acme', 'key-1'),
    decision: 'accepted',
    reservation_id: ID,
    reason: null,
    command_partition: 3,
    command_offset: 9n,
    ...over,
  },
];

describe('commands on a reservation', () => {
  test('go to the partition that its id says, under a key of its own, and read nothing before', async () => {
    const answers = [
      await send('POST', `/v1/reservations/${ID}/confirm`),
      await send('PATCH', `/v1/reservations/${ID}`, { quantity: 3 }, { 'idempotency-key': 'key-2' }),
      await send('PATCH', `/v1/reservations/${ID}`, { slot: OTHER_SLOT }, { 'idempotency-key': 'key-3' }),
      await send('DELETE', `/v1/reservations/${ID}`, undefined, { 'idempotency-key': 'key-4' }),
    ];
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([202, 202, 202, 202]);
    expect(new Set(gateway.log.map(({ partition }) => partition))).toEqual(
      new Set([partitionOf('acme/room-1', 24)]),
    );
    expect(gateway.log.map(({ record }) => record.key?.toString())).toEqual(Array(4).fill(`acme/${ID}`));
    expect(written()).toMatchObject([
      { type: 'confirm', tenant: 'acme', reservationId: ID },
      { type: 'change', quantity: 3, slot: null },
      { type: 'change', quantity: null, slot: OTHER_SLOT },
      { type: 'cancel' },
    ]);
  });

  test('of an id that is none of ours are 404, and of a change that says nothing 400', async () => {
    const unknown = await send('DELETE', '/v1/reservations/not-one');
    const empty = await send('PATCH', `/v1/reservations/${ID}`, {});
    expect([unknown, empty].map(({ statusCode }) => statusCode)).toEqual([404, 400]);
    expect(gateway.log).toEqual([]);
  });

  test('move within their resource only: its own may be named, another one is 422', async () => {
    const own = await send('PATCH', `/v1/reservations/${ID}`, { resource: 'room-1', quantity: 1 });
    const other = await send(
      'PATCH',
      `/v1/reservations/${ID}`,
      { resource: 'room-2', quantity: 1 },
      { 'idempotency-key': 'key-2' },
    );
    expect([own.statusCode, other.statusCode, typeOf(other)]).toEqual([202, 422, PROBLEMS.otherResource]);
  });

  test('under a key that was used for another verb or another reservation are 422', async () => {
    await send('POST', `/v1/reservations/${ID}/confirm`);
    const verb = await send('DELETE', `/v1/reservations/${ID}`);
    const id = await send('POST', `/v1/reservations/${reservationIdOf(8n, 'acme/room-1')}/confirm`);
    const same = await send('POST', `/v1/reservations/${ID}/confirm`);
    expect([verb, id, same].map(({ statusCode }) => statusCode)).toEqual([422, 422, 202]);
    expect(same.headers['idempotency-replay']).toBe('true');
  });
});

describe('a hold', () => {
  test.each([
    [{ hold: true }, 600_000],
    [{ hold: true, holdSeconds: 5 }, 5000],
    [{ hold: false }, null],
    [{}, null],
  ])('asked for as %j is held for %s ms', async (over, holdMs) => {
    await send('POST', '/v1/reservations', { ...BODY, ...over });
    expect(written()).toMatchObject([{ type: 'create', holdMs }]);
  });
});

describe('Prefer: wait', () => {
  const wait = { prefer: 'wait=1' };

  test('answers what was decided: 201 with the reservation for a create, 200 for a change', async () => {
    gateway.control.rows = decided();
    const made = await send('POST', '/v1/reservations', BODY, wait);
    expect([made.statusCode, made.headers.location]).toEqual([201, `/v1/reservations/${ID}`]);
    expect(made.headers['preference-applied']).toBe('wait=1');
    expect(made.json()).toMatchObject({ decision: 'accepted', reservationId: ID, token: expect.any(String) });
    gateway.control.rows = decided({ event_id: eventIdOf('acme', 'key-2') });
    const headers = { ...wait, 'idempotency-key': 'key-2' };
    const confirmed = await send('POST', `/v1/reservations/${ID}/confirm`, undefined, headers);
    expect(confirmed.statusCode).toBe(200);
  });

  test.each([
    ['full', 409, PROBLEMS.full],
    ['hold-ended', 409, PROBLEMS.conflict],
    ['not-found', 404, PROBLEMS.notFound],
    ['past', 422, PROBLEMS.refused],
  ])('answers a refusal as %s with %s', async (reason, status, type) => {
    gateway.control.rows = decided({ decision: 'rejected', reservation_id: null, reason });
    const response = await send('POST', '/v1/reservations', BODY, wait);
    expect([response.statusCode, typeOf(response)]).toEqual([status, type]);
    expect(response.json()).toMatchObject({
      detail: reason,
      operation: `/v1/operations/${eventIdOf('acme', 'key-1')}`,
    });
  });

  test('answers 202 when nothing is decided in time', async () => {
    expect((await send('POST', '/v1/reservations', BODY, { prefer: 'wait=0' })).statusCode).toBe(202);
  });
});

describe('a read with a token', () => {
  const token = (over: Partial<Parameters<typeof encodeToken>[0]> = {}) => ({
    [tokenHeader]: encodeToken({
      region: 'local',
      topicId: TOPIC_ID,
      partition: 3,
      commandOffset: 9n,
      ...over,
    }),
  });
  const url = `/v1/operations/${eventIdOf('acme', 'key-1')}`;

  test('is answered from a server that has decided so far, and 503 with Retry-After while none has', async () => {
    gateway.control.rows = decided({ decided_through: 9n });
    expect((await send('GET', url, undefined, token())).statusCode).toBe(200);
    gateway.control.rows = decided({ decided_through: 8n });
    const behind = await send('GET', url, undefined, token());
    expect([behind.statusCode, behind.headers['retry-after']]).toEqual([503, '1']);
    expect((await send('GET', url)).statusCode).toBe(200);
  });

  test('of another region or another topic is 412, and what is no token 400', async () => {
    const region = await send('GET', url, undefined, token({ region: 'elsewhere' }));
    const topic = await send('GET', url, undefined, token({ topicId: 'made-again' }));
    const none = await send('GET', url, undefined, { [tokenHeader]: 'nonsense' });
    expect([region, topic, none].map(({ statusCode }) => statusCode)).toEqual([412, 412, 400]);
  });
});

test('whatever is sent to whatever route, nothing is a 500, and refusals are problems', async () => {
  const urls = fc.oneof(
    fc.constantFrom('/v1/reservations', `/v1/reservations/${ID}`, `/v1/reservations/${ID}/confirm`),
    fc.webPath().map((path) => `/v1/reservations${path}`),
    fc
      .string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 32, maxLength: 32 })
      .map((id) => `/v1/operations/${id}`),
  );
  const word = fc.string({ unit: fc.constantFrom(...'abz019-._:/"=,; %'), maxLength: 40 });
  const headers = fc.record(
    { 'idempotency-key': word, 'x-tenant-id': word, prefer: word, [tokenHeader]: word, traceparent: word },
    { requiredKeys: [] },
  );
  const bodies = fc.oneof(
    fc.json(),
    fc.string(),
    fc
      .record({ resource: fc.anything(), slot: fc.anything(), quantity: fc.anything(), hold: fc.anything() })
      .map((body) => JSON.stringify(body) ?? ''),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom<Method>('GET', 'POST', 'PATCH', 'DELETE'),
      urls,
      headers,
      bodies,
      async (method, url, sent, payload) => {
        const type = { 'content-type': 'application/json' };
        const body = method === 'GET' ? {} : { payload };
        const response = await gateway.app.inject({ method, url, headers: { ...type, ...sent }, ...body });
        expect([response.statusCode, response.statusCode < 500 || response.statusCode === 503]).toEqual([
          response.statusCode,
          true,
        ]);
        if (response.statusCode >= 400) expect(typeOf(response)).toMatch(/^urn:uplift:problem:/);
      },
    ),
    { numRuns: 400 },
  );
});
