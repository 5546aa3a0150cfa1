import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { acknowledgedSchema, PROBLEMS } from '../../contract/http.ts';
import { decodeToken } from '../../contract/token.ts';
import { setUp, TOPIC_ID, typeOf } from './testing/gateway.ts';

let gateway: ReturnType<typeof setUp>;
let token: string;

/** An operation is acknowledged; then the commands topic is deleted and made again. */
beforeEach(async () => {
  gateway = setUp();
  const response = await gateway.post();
  expect(response.statusCode).toBe(202);
  token = acknowledgedSchema.parse(response.json()).token;
  expect(decodeToken(token)?.topicId).toBe(TOPIC_ID);
  await gateway.writer.settle();
  gateway.control.topicId = 'made again';
});
afterEach(() => gateway.app.close());

const read = (with_: string) =>
  gateway.app.inject({
    url: '/v1/reservations/0000000000001-12345678',
    headers: { 'x-tenant-id': 'acme', 'x-consistency-token': with_ },
  });

describe('when the commands topic was made again', () => {
  test('a key of before is answered with its stored answer: in that log the operation was acknowledged', async () => {
    const response = await gateway.post();
    expect([response.statusCode, response.headers['idempotency-replay']]).toEqual([202, 'true']);
    expect(acknowledgedSchema.parse(response.json()).token).toBe(token);
    expect(gateway.log).toHaveLength(1);
  });

  test('a token of before is foreign to every read', async () => {
    gateway.control.rows = [{ decided_through: 1000n, commands_topic_id: TOPIC_ID, is_row: null }];
    const response = await read(token);
    expect([response.statusCode, typeOf(response)]).toEqual([412, PROBLEMS.tokenForeign]);
  });

  test('what is decided of the old one satisfies no token of the new one, and is told as behind', async () => {
    const post = await gateway.post({ headers: { 'idempotency-key': 'key-2' } });
    const newer = acknowledgedSchema.parse(post.json()).token;
    expect(decodeToken(newer)?.topicId).toBe('made again');
    gateway.control.rows = [{ decided_through: 1000n, commands_topic_id: TOPIC_ID, is_row: null }];
    const response = await read(newer);
    expect([response.statusCode, typeOf(response)]).toEqual([503, PROBLEMS.behind]);
    expect(response.headers['retry-after']).toBeDefined();
  });
});
