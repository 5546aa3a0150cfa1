import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import Fastify, { type FastifyReply } from 'fastify';
import { expect, test } from 'vitest';
import { goneSignal } from './headers.ts';

test('a client that went before anybody asked has gone', async () => {
  const app = Fastify();
  const met = Promise.withResolvers<{ readonly reply: FastifyReply }>();
  app.get('/', async (_request, reply) => {
    // A reply itself is a promise of its end.
    met.resolve({ reply });
    await once(reply.raw, 'close');
    return reply;
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const client = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  const { reply } = await met.promise;
  const before = goneSignal(reply);
  expect(before.aborted).toBe(false);
  const closed = once(reply.raw, 'close');
  client.destroy();
  await closed;
  expect([before.aborted, goneSignal(reply).aborted]).toEqual([true, true]);
  await app.close();
});
