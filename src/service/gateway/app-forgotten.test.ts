import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { acknowledgedSchema, PROBLEMS } from '../../contract/http.ts';
import { decodeToken } from '../../contract/token.ts';
import { UpliftError } from '../../core/error.ts';
import { REMEMBER_MS } from '../domain/rules.ts';
import { createIn, setUp, TOPIC_ID, typeOf } from './testing/gateway.ts';

let gateway: ReturnType<typeof setUp>;
beforeEach(async () => {
  gateway = setUp();
  gateway.control.appendError = new UpliftError('UPL-KAFKA-PRODUCE', { message: 'deadline' });
  expect((await gateway.post()).statusCode).toBe(503);
  gateway.control.appendError = undefined;
});
afterEach(() => gateway.app.close());

const AT = { topicId: null, partition: 3, commandOffset: 7n };

describe('a key of unknown outcome that comes again', () => {
  test('soon is sent again, and nobody is asked: the fold answers with its first decision', async () => {
    gateway.control.nowMs += REMEMBER_MS / 2;
    gateway.control.postgresAway = true;
    expect((await gateway.post()).statusCode).toBe(202);
    expect(gateway.log).toHaveLength(1);
  });

  test('when the fold may have forgotten it is answered with what the projection shows, and nothing is sent', async () => {
    gateway.control.nowMs += REMEMBER_MS / 2 + 1;
    gateway.control.decidedAt = AT;
    for (const replayed of ['by the projection', 'from the claim']) {
      const response = await gateway.post();
      expect([replayed, response.statusCode, response.headers['idempotency-replay']]).toEqual([
        replayed,
        202,
        'true',
      ]);
      const { token } = acknowledgedSchema.parse(response.json());
      expect(decodeToken(token)).toEqual({ ...AT, region: 'local', topicId: TOPIC_ID });
      gateway.control.decidedAt = undefined;
    }
    expect(gateway.log).toEqual([]);
  });

  test('then gets a token of the commands topic it was decided in, which may be one of before', async () => {
    gateway.control.nowMs += REMEMBER_MS;
    gateway.control.decidedAt = { ...AT, topicId: 'of before' };
    const { token } = acknowledgedSchema.parse((await gateway.post()).json());
    expect(decodeToken(token)).toEqual({ ...AT, region: 'local', topicId: 'of before' });
  });

  test('then, and was never decided, is sent again, and again soon without a question', async () => {
    gateway.control.nowMs += REMEMBER_MS;
    gateway.control.appendError = new UpliftError('UPL-KAFKA-PRODUCE', { message: 'deadline' });
    expect((await gateway.post()).statusCode).toBe(503);
    gateway.control.appendError = undefined;
    gateway.control.postgresAway = true;
    expect((await gateway.post()).statusCode).toBe(202);
    expect(gateway.log).toHaveLength(1);
  });

  test('then is sent again with an id of its own: however often a key comes again, its id is never old', async () => {
    const ids = new Set<string>();
    for (let day = 0; day < 3; day += 1) {
      gateway.control.nowMs += 23 * 3_600_000;
      gateway.control.appendError = new UpliftError('UPL-KAFKA-UNREACHABLE', { message: 'nothing was sent' });
      expect(typeOf(await gateway.post())).toBe(PROBLEMS.overloaded);
      gateway.control.appendError = undefined;
      ids.add(JSON.parse([...gateway.redis.values()][0] ?? '').r);
    }
    expect((await gateway.post()).statusCode).toBe(202);
    ids.add(createIn(gateway.log[0]?.record.value).reservationId);
    // That of the last day is sent again at once, so it is the same.
    expect(ids.size).toBe(3);
  });

  test('then, while nobody can say what became of it, is refused, and nothing is sent', async () => {
    gateway.control.nowMs += REMEMBER_MS;
    gateway.control.postgresAway = true;
    const response = await gateway.post();
    expect([response.statusCode, typeOf(response)]).toEqual([503, PROBLEMS.notReady]);
    expect(response.headers['retry-after']).toBeDefined();
    expect(gateway.log).toEqual([]);
    gateway.control.postgresAway = false;
    // Not told that it still runs.
    expect((await gateway.post()).statusCode).toBe(202);
  });
});

test('a key that is granted although its operation was decided is answered with that, and nothing is sent', async () => {
  gateway.redis.clear();
  gateway.control.grantsDecided = true;
  gateway.control.decidedAt = AT;
  const response = await gateway.post();
  expect([response.statusCode, response.headers['idempotency-replay']]).toEqual([202, 'true']);
  expect(gateway.log).toEqual([]);
});

test('a key that is granted, of which nobody can say whether it was decided, does not count as running', async () => {
  gateway.redis.clear();
  gateway.control.grantsDecided = true;
  gateway.control.postgresAway = true;
  expect(typeOf(await gateway.post())).toBe(PROBLEMS.notReady);
  await gateway.writer.settle();
  gateway.control.postgresAway = false;
  expect((await gateway.post()).statusCode).toBe(202);
});
