import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { acknowledgedSchema, PROBLEMS, problemSchema } from '../../contract/http.ts';
import { eventIdOf, partitionOf } from '../../contract/ids.ts';
import { RECORD_HEADERS, TOPICS } from '../../contract/records.ts';
import { decodeToken } from '../../contract/token.ts';
import { UpliftError } from '../../core/error.ts';
import { BODY, createIn, setUp, TOPIC_ID, typeOf } from './testing/gateway.ts';
import { AFTERMATH_MS } from './write.ts';

let gateway: ReturnType<typeof setUp>;
beforeEach(() => {
  gateway = setUp();
});
afterEach(() => gateway.app.close());

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

  test('takes a quoted key and the same key without quotes for one operation', async () => {
    const first = await gateway.post();
    await gateway.writer.settle();
    const again = await gateway.post({ headers: { 'idempotency-key': '"key-1"' } });
    expect([again.statusCode, again.json()]).toEqual([202, first.json()]);
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
    const command = createIn(kept?.record.value);
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

  test('says in Retry-After when a key that runs will have ended at the latest: what is left of an append', async () => {
    const slow = setUp(undefined, { produceDeadlineMs: 8000 });
    const gate = Promise.withResolvers<void>();
    slow.control.gate = gate.promise;
    const first = slow.post();
    await expect.poll(() => slow.redis.size).toBe(1);
    const retryAfterIn = async (ms: number) => {
      slow.control.nowMs += ms;
      return (await slow.post()).headers['retry-after'];
    };
    // 8 s of the append and 2 s for its end: the second part is rare, so nobody is told to wait for it.
    expect([await retryAfterIn(0), await retryAfterIn(5500), await retryAfterIn(4400)]).toEqual([
      '8',
      '5',
      '1',
    ]);
    gate.resolve();
    expect((await first).statusCode).toBe(202);
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
