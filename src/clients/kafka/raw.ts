import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { KafkaTls } from './target.ts';
import { tlsOptions } from './tls-options.ts';

/** ApiVersions v0 with an empty client id (Kafka protocol, key 18): allowed before any login, answered from memory. */
export const API_VERSIONS_V0 = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0, 0]);

/** What came back of one request on a connection of its own: bytes (none when the other side only hung up), or an error. */
export interface RawAnswer {
  readonly bytes: Buffer;
  readonly error: Error | undefined;
}

/** Far more than an answer to the small requests made here. */
const MAX_BYTES = 64 * 1024;

export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}

/**
 * Connects (over TLS when given), sends these bytes and waits for one answer, whole or until the other side closes or
 * `timeoutMs` is over, or `signal` is aborted. Never throws, and nothing of it stays open.
 */
export function askRaw(
  address: string,
  tls: KafkaTls | undefined,
  request: Buffer,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<RawAnswer> {
  const { host, port } = splitAddress(address);
  return new Promise((resolve) => {
    const socket: Socket =
      tls === undefined ? connectTcp({ host, port }) : connectTls({ host, port, ...tlsOptions(tls, host) });
    let bytes: Buffer = Buffer.alloc(0);
    const stop = (): void => finish(new Error('nobody waits for it any more'));
    const finish = (error?: Error): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      socket.destroy();
      resolve({ bytes, error });
    };
    const timer = setTimeout(() => finish(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    signal?.addEventListener('abort', stop);
    if (signal?.aborted === true) stop();
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => socket.write(request));
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (isTlsRecord(bytes) || isWhole(bytes) || bytes.length > MAX_BYTES) finish();
    });
    socket.once('close', () => finish());
    // Kept until the end: a late error of a destroyed socket must not become an uncaught one.
    socket.on('error', (error) => finish(error));
  });
}

/** A record of TLS (RFC 8446 §5.1) where Kafka's answer was due; as a size of Kafka it would be 336 MB or more. */
export function isTlsRecord(bytes: Buffer): boolean {
  const [type = 0, major = 0] = bytes;
  return bytes.length >= 2 && type >= 0x14 && type <= 0x17 && major === 3;
}

function isWhole(bytes: Buffer): boolean {
  return bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0);
}
