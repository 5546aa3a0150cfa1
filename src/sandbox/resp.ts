import { connect, type Socket } from 'node:net';
import { UpliftError } from '../core/error.ts';

/** A reply of Redis (RESP2). Errors are thrown. */
export type Reply = string | number | null | readonly Reply[];

const CALL_TIMEOUT_MS = 3000;
const MAX_REPLY_BYTES = 1024 * 1024;

/**
 * One command on a connection of its own, to one node: assembling a cluster needs a few dozen raw commands that no
 * cluster client would route. Fails with UPL-REDIS-UNREACHABLE, also for an error reply.
 */
export async function redisCall(port: number, args: readonly (string | number)[]): Promise<Reply> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    return await exchange(socket, args);
  } catch (cause) {
    throw new UpliftError('UPL-REDIS-UNREACHABLE', {
      message: `Redis on port ${port}: ${args.join(' ')} failed.`,
      cause,
    });
  } finally {
    socket.destroy();
  }
}

function exchange(socket: Socket, args: readonly (string | number)[]): Promise<Reply> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    socket.setTimeout(CALL_TIMEOUT_MS, () => reject(new Error(`no answer in ${CALL_TIMEOUT_MS} ms`)));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('connection closed')));
    socket.once('connect', () => socket.write(encodeCommand(args)));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length > MAX_REPLY_BYTES) return reject(new Error('reply too long'));
      try {
        const parsed = parseReply(received, 0);
        if (parsed !== undefined) resolve(parsed.reply);
      } catch (error) {
        reject(error);
      }
    });
  });
}

export function encodeCommand(args: readonly (string | number)[]): string {
  const parts = args.map(String).map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`);
  return `*${parts.length}\r\n${parts.join('')}`;
}

/** Parses one reply from `at`; undefined when it is not whole yet; throws on an error reply or anything unknown. */
export function parseReply(
  data: Buffer,
  at: number,
): { readonly reply: Reply; readonly end: number } | undefined {
  const lineEnd = data.indexOf('\r\n', at);
  if (lineEnd < 0) return undefined;
  const text = data.toString('utf8', at + 1, lineEnd);
  const end = lineEnd + 2;
  switch (String.fromCharCode(data[at] ?? 0)) {
    case '+':
      return { reply: text, end };
    case ':':
      return { reply: Number(text), end };
    case '-':
      throw new Error(text);
    case '$':
      return parseBulk(data, end, Number(text));
    case '*':
      return parseArray(data, end, Number(text));
    default:
      throw new Error(`not a RESP2 reply: ${JSON.stringify(data.toString('utf8', at, at + 20))}`);
  }
}

function parseBulk(data: Buffer, at: number, length: number): { reply: Reply; end: number } | undefined {
  if (length < 0) return { reply: null, end: at };
  const end = at + length + 2;
  return data.length < end ? undefined : { reply: data.toString('utf8', at, at + length), end };
}

function parseArray(data: Buffer, at: number, length: number): { reply: Reply; end: number } | undefined {
  if (length < 0) return { reply: null, end: at };
  const items: Reply[] = [];
  let end = at;
  for (let index = 0; index < length; index += 1) {
    const item = parseReply(data, end);
    if (item === undefined) return undefined;
    items.push(item.reply);
    end = item.end;
  }
  return { reply: items, end };
}
