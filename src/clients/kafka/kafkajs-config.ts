import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type KafkaConfig, logLevel, type SASLOptions } from 'kafkajs';
import type { KafkaSasl, KafkaTarget } from './target.ts';
import { tlsOptions } from './tls-options.ts';

/** Who we are to the brokers, and how we prove it. kafkajs itself says nothing: what matters reaches us as errors. */
export function credentialsOf(
  target: KafkaTarget,
): Pick<KafkaConfig, 'clientId' | 'logLevel' | 'ssl' | 'sasl'> {
  return {
    clientId: target.clientId,
    logLevel: logLevel.NOTHING,
    ...(target.tls === undefined ? {} : { ssl: true }),
    ...(target.sasl === undefined ? {} : { sasl: saslOptions(target.sasl) }),
  };
}

const CONNECT_TIMEOUT_MS = 1000;
/** Two or three times there and back, and work for a processor that others want as well: who is slow must get in at all. */
const TLS_CONNECT_TIMEOUT_MS = 2000;

/** How long kafkajs waits for a connection, the handshake of TLS included. */
export function connectTimeoutMs({ tls, requestTimeoutMs }: KafkaTarget): number {
  return Math.min(tls === undefined ? CONNECT_TIMEOUT_MS : TLS_CONNECT_TIMEOUT_MS, requestTimeoutMs);
}

/** A socket to a broker, over TLS where the target has it; errors reach whoever uses it. */
export function socketTo(
  { tls }: Pick<KafkaTarget, 'tls'>,
  to: { readonly host: string; readonly port: number },
  onConnect: () => void,
): Socket {
  const { host, port } = to;
  const socket: Socket =
    tls === undefined
      ? connectTcp({ host, port, noDelay: true }, onConnect)
      : connectTls({ host, port, ...tlsOptions(tls, host) }, onConnect).setNoDelay(true);
  socket.setKeepAlive(true, 60_000);
  // kafkajs lets go of a dead socket once for each request that fails on it, and each time leaves a listener: Node would
  // warn of a leak, on the user's terminal. They go with the socket.
  socket.setMaxListeners(0);
  socket.on('error', () => undefined);
  return socket;
}

function saslOptions(sasl: KafkaSasl): SASLOptions {
  const { username, password } = sasl;
  if (sasl.mechanism === 'SCRAM-SHA-256') return { mechanism: 'scram-sha-256', username, password };
  if (sasl.mechanism === 'SCRAM-SHA-512') return { mechanism: 'scram-sha-512', username, password };
  return { mechanism: 'plain', username, password };
}
