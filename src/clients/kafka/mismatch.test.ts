import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { findMismatch } from './mismatch.ts';
import type { KafkaSasl, KafkaTarget } from './target.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.close();
    await once(server, 'close');
  }
});

/** A port that does this with the first bytes it gets. */
async function listener(onData: (socket: Socket, bytes: Buffer) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (bytes: Buffer) => onData(socket, bytes));
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A broker that answers SaslHandshake v1 with this, and hangs up on what is no Kafka request, as Kafka does. */
function broker(errorCode: number, mechanisms: readonly string[]): Promise<string> {
  return listener((socket, bytes) => {
    if (bytes.readInt32BE(0) !== bytes.length - 4) return void socket.destroy();
    const names = mechanisms.flatMap((name) => [Buffer.from([0, name.length]), Buffer.from(name)]);
    const head = Buffer.alloc(14);
    bytes.copy(head, 4, 8, 12);
    head.writeInt16BE(errorCode, 8);
    head.writeInt32BE(mechanisms.length, 10);
    const answer = Buffer.concat([head, ...names]);
    answer.writeInt32BE(answer.length - 4, 0);
    // In two pieces: an answer need not come in one.
    socket.write(answer.subarray(0, 6));
    setImmediate(() => socket.write(answer.subarray(6)));
  });
}

const sasl: KafkaSasl = { mechanism: 'SCRAM-SHA-512', username: 'alice', password: 'secret-word' };
const target = (over: Partial<KafkaTarget>): KafkaTarget => ({
  brokers: [],
  clientId: 'c',
  requestTimeoutMs: 1000,
  ...over,
});

describe('a broker that hung up is asked what it speaks', () => {
  it.each([
    ['a login where none is configured', 33, ['PLAIN'], {}, /wants a login \(PLAIN\), and no kafka\.sasl/],
    [
      'another mechanism',
      33,
      ['PLAIN', 'SCRAM-SHA-256'],
      { sasl },
      /takes no login by SCRAM-SHA-512; it takes PLAIN, SCRAM-SHA-256/,
    ],
    ['no login where one is configured', 34, [], { sasl }, /takes no login, and kafka\.sasl is configured/],
    [
      'plaintext where TLS is configured',
      34,
      [],
      { tls: {} },
      /speaks plaintext, and kafka\.tls is configured/,
    ],
  ] as const)('%s', async (_, code, mechanisms, over, message) => {
    const address = await broker(code, mechanisms);
    const found = await findMismatch(target(over), address);
    expect(found).toMatchObject({ code: 'UPL-KAFKA-AUTH', message: expect.stringMatching(message) });
    expect(found?.message).toContain(address);
    expect(found?.next).toBeDefined();
  });

  it('TLS where plaintext is configured, from the alert that it answers', async () => {
    const address = await listener((socket) => socket.end(Buffer.from([0x15, 3, 3, 0, 2, 2, 80])));
    const found = await findMismatch(target({ sasl }), address);
    expect(found?.message).toBe(`Kafka at ${address} speaks TLS, and no kafka.tls is configured.`);
  });

  it('and nothing is claimed of one that answers as configured, hangs up again, or is no Kafka', async () => {
    expect(await findMismatch(target({ sasl }), await broker(0, ['SCRAM-SHA-512']))).toBeUndefined();
    expect(await findMismatch(target({}), await broker(34, []))).toBeUndefined();
    const deaf = await listener((socket) => void socket.destroy());
    expect(await findMismatch(target({ tls: {} }), deaf)).toBeUndefined();
    const http = await listener((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    expect(await findMismatch(target({ tls: {}, sasl }), http)).toBeUndefined();
    expect(await findMismatch(target({ sasl }), http)).toBeUndefined();
  });
});
