import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { decidedSchema, PROBLEMS, reservationListSchema } from '../../contract/http.ts';
import { eventIdOf, partitionOfReservation, reservationIdOf } from '../../contract/ids.ts';
import { commandSchema } from '../../contract/records.ts';
import { encodeToken } from '../../contract/token.ts';
import { setUp, TOPIC_ID, typeOf } from './testing/gateway.ts';
import { type FakeDecision, rowsFor, SOME_RESERVATION_ID } from './testing/projection.ts';

let gateway: ReturnType<typeof setUp>;
let looks: number;
/** What the projection says of every operation. */
let decided: FakeDecision | undefined;
beforeEach(() => {
  gateway = setUp();
  looks = 0;
  decided = { decision: 'accepted' };
  gateway.control.query = (text, values) => {
    looks += 1;
    return rowsFor(text, values, () => decided);
  };
});
afterEach(() => gateway.app.close());

const ID = reservationIdOf(7n, 'acme/room-1');
const OPERATION = `/v1/operations/${eventIdOf('acme', 'key-1')}`;

function send(
  method: 'POST' | 'PATCH' | 'DELETE' | 'GET',
  url: string,
  over: { headers?: Record<string, string>; payload?: object } = {},
) {
  const headers = { 'x-tenant-id': 'acme', 'idempotency-key': 'key-1', ...over.headers };
  return gateway.app.inject({
    method,
    url,
    headers,
    ...(over.payload === undefined ? {} : { payload: over.payload }),
  });
}

const VERBS = [
  ['POST', `/v1/reservations/${ID}/confirm`, undefined, 'confirm'],
  ['PATCH', `/v1/reservations/${ID}`, { quantity: 3 }, 'change'],
  ['DELETE', `/v1/reservations/${ID}`, undefined, 'cancel'],
] as const;

describe('what happens to a reservation that exists', () => {
  test.each(VERBS)(
    '%s %s is a command in the partition of the reservation',
    async (method, url, payload, type) => {
      const response = await send(method, url, payload === undefined ? {} : { payload });
      expect([response.statusCode, response.headers.location]).toEqual([202, OPERATION]);
      const [sent] = gateway.log;
      const command = commandSchema.parse(JSON.parse(sent?.record.value?.toString() ?? ''));
      expect(command).toMatchObject({ type, reservationId: ID, tenant: 'acme' });
      expect(sent?.record.key?.toString()).toBe(`acme/${ID}`);
      expect(sent?.partition).toBe(partitionOfReservation(ID, 24));
    },
  );

  test('one key is one operation: with another verb or another reservation it is refused', async () => {
    await send('DELETE', `/v1/reservations/${ID}`);
    const other = reservationIdOf(8n, 'acme/room-1');
    for (const url of [`/v1/reservations/${ID}/confirm`, `/v1/reservations/${other}/confirm`]) {
      const response = await send('POST', url);
      expect([response.statusCode, typeOf(response)]).toEqual([422, PROBLEMS.keyReused]);
    }
    expect(gateway.log).toHaveLength(1);
  });

  test('another resource is 422, and an id that cannot be one of ours 404; nothing is sent', async () => {
    const moved = await send('PATCH', `/v1/reservations/${ID}`, {
      payload: { resource: 'room-2', quantity: 1 },
    });
    expect([moved.statusCode, typeOf(moved)]).toEqual([422, PROBLEMS.otherResource]);
    expect((await send('DELETE', '/v1/reservations/abc')).statusCode).toBe(404);
    expect((await send('PATCH', `/v1/reservations/${ID}`, { payload: {} })).statusCode).toBe(400);
    expect([gateway.log.length, gateway.redis.size]).toEqual([0, 0]);
  });
});

describe('Prefer: wait', () => {
  const wait = { headers: { prefer: 'wait=1' } };
  const create = () => gateway.post(wait);

  test('answers 201 with the reservation once it is decided', async () => {
    const response = await create();
    expect(response.statusCode).toBe(201);
    expect(response.headers.location).toBe(`/v1/reservations/${SOME_RESERVATION_ID}`);
    expect(response.headers['preference-applied']).toBe('wait=1');
    expect(decidedSchema.parse(response.json())).toMatchObject({
      operationId: eventIdOf('acme', 'key-1'),
      reservation: { reservationId: SOME_RESERVATION_ID, tenant: 'acme' },
    });
  });

  test('answers the stored decision to the same request again', async () => {
    const first = await create();
    await gateway.writer.settle();
    const again = await create();
    expect([again.statusCode, again.json()]).toEqual([201, first.json()]);
    expect(gateway.log).toHaveLength(1);
  });

  test.each(VERBS)('answers 200 to %s %s', async (method, url, payload) => {
    const response = await send(method, url, { ...wait, ...(payload === undefined ? {} : { payload }) });
    expect(response.statusCode).toBe(200);
  });

  test.each([
    ['full', 409, PROBLEMS.full],
    ['hold-ended', 409, PROBLEMS.holdEnded],
    ['not-held', 409, PROBLEMS.notHeld],
    ['id-taken', 409, PROBLEMS.idTaken],
    ['not-found', 404, PROBLEMS.notFound],
    ['past', 422, PROBLEMS.past],
    ['too-large', 422, PROBLEMS.tooLarge],
    ['hold-too-long', 422, PROBLEMS.holdTooLong],
    ['something new', 409, PROBLEMS.rejected],
  ])('answers a rejection for %s with %i, and names the operation', async (reason, status, type) => {
    decided = { decision: 'rejected', reason };
    const response = await create();
    expect([response.statusCode, typeOf(response)]).toEqual([status, type]);
    expect(response.json().operation).toBe(OPERATION);
  });

  test('answers 409 to a command that came too late', async () => {
    decided = { decision: 'expired', reason: 'expired' };
    const response = await create();
    expect([response.statusCode, typeOf(response)]).toEqual([409, PROBLEMS.expired]);
  });

  test('a decision that cannot be read is 503 with its operation to whoever waits for it, and holds up nobody else', async () => {
    const bad = eventIdOf('acme', 'key-1');
    gateway.control.query = (text, values) =>
      rowsFor(text, values, (id) => ({ decision: id === bad ? 'of the future' : 'accepted' }));
    const [unreadable, other] = await Promise.all([
      create(),
      gateway.post({ headers: { prefer: 'wait=1', 'idempotency-key': 'key-2' } }),
    ]);
    expect([unreadable.statusCode, typeOf(unreadable)]).toEqual([503, PROBLEMS.outcomeUnknown]);
    expect([unreadable.headers.location, unreadable.json().operation]).toEqual([OPERATION, OPERATION]);
    expect(other.statusCode).toBe(201);
  });

  test('answers 202 when nothing is decided in time, and at once when the gateway drains', async () => {
    decided = undefined;
    const late = await create();
    expect([late.statusCode, late.headers.location]).toEqual([202, OPERATION]);
    expect(late.headers['preference-applied']).toBe('wait=1');
    const waiting = gateway.post({ headers: { prefer: 'wait=20', 'idempotency-key': 'key-2' } });
    await expect.poll(() => gateway.decisions.waiting).toBe(1);
    gateway.decisions.stop();
    expect((await waiting).statusCode).toBe(202);
  });

  test('one question is asked for all who wait; who finds no room is answered 202 at once', async () => {
    decided = undefined;
    const waiting = ['a', 'b', 'c'].map((key) =>
      gateway.post({ headers: { prefer: 'wait=20', 'idempotency-key': key } }).then((r) => r.statusCode),
    );
    // Two requests may be written at once here, so the third is refused or waits: it is sent when there is room.
    await expect.poll(() => gateway.decisions.waiting).toBeGreaterThanOrEqual(2);
    while (gateway.decisions.hasRoom) {
      const key = `more-${gateway.log.length}`;
      waiting.push(
        gateway.post({ headers: { prefer: 'wait=20', 'idempotency-key': key } }).then((r) => r.statusCode),
      );
      const before = gateway.decisions.waiting;
      await expect.poll(() => gateway.decisions.waiting).toBeGreaterThan(before);
    }
    const noRoom = await gateway.post({ headers: { prefer: 'wait=20', 'idempotency-key': 'last' } });
    expect([noRoom.statusCode, noRoom.headers['preference-applied']]).toEqual([202, undefined]);
    looks = 0;
    decided = { decision: 'accepted' };
    const statuses = await Promise.all(waiting);
    expect(statuses.filter((status) => status === 201)).toHaveLength(3);
    expect(looks).toBeLessThanOrEqual(2);
  });

  test('does not hold a place among the requests that are being written', async () => {
    decided = undefined;
    const keys = ['a', 'b'];
    const waiting: Promise<unknown>[] = [];
    for (const [i, key] of keys.entries()) {
      waiting.push(gateway.post({ headers: { prefer: 'wait=20', 'idempotency-key': key } }));
      await expect.poll(() => gateway.decisions.waiting).toBe(i + 1);
    }
    expect((await gateway.post({ headers: { 'idempotency-key': 'c' } })).statusCode).toBe(202);
    gateway.decisions.stop();
    await Promise.all(waiting);
  });

  test('while Postgres is away it is 202, and counted', async () => {
    gateway.control.postgresAway = true;
    expect((await create()).statusCode).toBe(202);
    expect(await gateway.metrics.registry.metrics()).toMatch(/uplift_decision_look_failed_total [1-9]/);
  });
});

describe('lists and tokens', () => {
  const token = (over: object = {}) =>
    encodeToken({ region: 'local', topicId: TOPIC_ID, partition: 3, commandOffset: 10n, ...over });
  const LISTS = ['/v1/reservations', '/v1/resources/room-1/reservations'];

  test.each(LISTS)('%s goes on with its cursor, for its tenant only', async (url) => {
    const page = reservationListSchema.parse((await send('GET', `${url}?limit=1`)).json());
    expect(page.reservations.map(({ tenant }) => tenant)).toEqual(['acme']);
    const next = `${url}?limit=1&cursor=${page.next}`;
    expect((await send('GET', next)).statusCode).toBe(200);
    for (const [headers, cursor] of [
      [{ 'x-tenant-id': 'other' }, page.next],
      [{}, `${page.next}x`],
      [{}, 'nonsense'],
    ] as const) {
      const response = await send('GET', `${url}?cursor=${cursor}`, { headers });
      expect([response.statusCode, typeOf(response)]).toEqual([400, PROBLEMS.invalid]);
    }
  });

  test.each([
    '/v1/reservations?limit=0',
    '/v1/reservations?limit=101',
    '/v1/reservations?limit=1&limit=2',
    '/v1/resources/room-1/reservations?from=yesterday',
    '/v1/resources/room-1/reservations?to=1960-01-01T00:00:00Z',
    '/v1/resources/a%2Fb/reservations',
  ])('%s is 400', async (url) => {
    const response = await send('GET', url);
    expect([response.statusCode, typeOf(response)]).toEqual([400, PROBLEMS.invalid]);
  });

  test('a resource may have the longest name there is, also when it is written in percent', async () => {
    const name = '%3A'.repeat(128);
    expect((await send('GET', `/v1/resources/${name}/reservations`)).statusCode).toBe(200);
  });

  test.each([
    ['reached', token(), 200, undefined],
    ['not reached', token({ commandOffset: 11n }), 503, PROBLEMS.behind],
    ['of another region', token({ region: 'x' }), 412, PROBLEMS.tokenForeign],
    ['of another log', token({ topicId: 'x' }), 412, PROBLEMS.tokenForeign],
    ['none', 'nonsense', 400, PROBLEMS.invalid],
  ])('a read with a token that is %s', async (_, text, status, type) => {
    for (const url of [...LISTS, `/v1/reservations/${ID}`, OPERATION]) {
      const response = await send('GET', url, { headers: { 'x-consistency-token': text } });
      expect(response.statusCode).toBe(status);
      if (type !== undefined) expect(typeOf(response)).toBe(type);
      expect(response.headers['retry-after']).toBe(status === 503 ? '1' : undefined);
    }
  });
});
