import { once } from 'node:events';
import { createServer } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeCommand, parseReply, type Reply, redisCall } from './resp.ts';

function encode(reply: Reply): string {
  if (reply === null) return '$-1\r\n';
  if (typeof reply === 'number') return `:${reply}\r\n`;
  if (typeof reply === 'string') return `$${Buffer.byteLength(reply)}\r\n${reply}\r\n`;
  return `*${reply.length}\r\n${reply.map(encode).join('')}`;
}

const replies = fc.letrec<{ reply: Reply }>((tie) => ({
  reply: fc.oneof(
    { maxDepth: 3 },
    fc.string({ unit: 'binary' }),
    fc.integer(),
    fc.constant(null),
    fc.array(tie('reply'), { maxLength: 4 }),
  ),
})).reply;

describe('RESP2', () => {
  test('a reply is read back whole, and no part of it is taken for a whole one', () => {
    fc.assert(
      fc.property(replies, fc.nat(), (reply, cut) => {
        const bytes = Buffer.from(encode(reply));
        expect(parseReply(bytes, 0)).toEqual({ reply, end: bytes.length });
        expect(parseReply(bytes.subarray(0, cut % bytes.length), 0)).toBeUndefined();
      }),
    );
  });

  test('an error reply and anything else are thrown', () => {
    expect(() => parseReply(Buffer.from('-ERR no such command\r\n'), 0)).toThrow('ERR no such command');
    expect(() => parseReply(Buffer.from('HTTP/1.1 200 OK\r\n'), 0)).toThrow(/RESP2/);
  });

  test('commands carry byte lengths', () => {
    expect(encodeCommand(['SET', 'ü', 7])).toBe('*3\r\n$3\r\nSET\r\n$2\r\nü\r\n$1\r\n7\r\n');
  });

  test('a server that hangs up is an error, not an empty answer', async () => {
    const server = createServer((socket) => socket.end('$5\r\nhal')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(redisCall(port, ['PING'])).rejects.toMatchObject({ code: 'UPL-REDIS-UNREACHABLE' });
    server.close();
  });
});
