import { Connection } from '@platformatic/kafka';
import type { UpliftError } from '../../core/error.ts';
import { withDeadline } from '../../core/wait.ts';
import { hungUp } from './failures.ts';
import { findMismatch } from './mismatch.ts';
import { splitAddress } from './raw.ts';
import { authFailure } from './refusals.ts';
import type { KafkaTarget } from './target.ts';
import { tlsOptions } from './tls-options.ts';

/** A request got no answer. `sent` false: it never left, so it can be repeated whatever it does. */
export class LinkError extends Error {
  readonly sent: boolean;
  constructor(address: string, sent: boolean, cause: unknown) {
    super(`no answer from ${address}`, { cause });
    this.name = 'LinkError';
    this.sent = sent;
  }
}

/**
 * One lazily opened connection to one broker address; dropped after any failure and opened anew by the next request.
 * The broker answers the requests of a connection in order, so long polls want a link of their own.
 */
export class BrokerLink {
  readonly address: string;
  readonly #target: KafkaTarget;
  #requests = 0;
  #connection: Connection | undefined;
  #opening: Promise<Connection> | undefined;
  /** The connection that has answered a request: when it closes, that says nothing about what it speaks. */
  #proven: Connection | undefined;
  #closed = false;

  constructor(address: string, target: KafkaTarget) {
    this.address = address;
    this.#target = target;
  }

  /**
   * Runs one request within `timeoutMs`, connect included. Throws LinkError when no answer came, UPL-KAFKA-AUTH when the
   * broker refused us, and whatever the answer itself says (an error code in it leaves the connection open).
   */
  async request<T>(call: (connection: Connection) => Promise<T>, timeoutMs: number): Promise<T> {
    const endsAtMs = performance.now() + timeoutMs;
    const connection = await this.#open(timeoutMs);
    this.#requests += 1;
    try {
      const leftMs = Math.max(1, endsAtMs - performance.now());
      const answer = await withDeadline(`an answer from ${this.address}`, leftMs, call(connection));
      this.#proven = connection;
      return answer;
    } catch (error) {
      if (isAnswer(error)) throw error;
      this.#drop(connection);
      throw (await this.#refused(error, connection)) ?? new LinkError(this.address, true, error);
    }
  }

  /** Calls that reached a connection. */
  get requests(): number {
    return this.#requests;
  }

  close(): void {
    this.#closed = true;
    if (this.#connection !== undefined) this.#drop(this.#connection);
  }

  async #open(timeoutMs: number): Promise<Connection> {
    if (this.#closed) throw new LinkError(this.address, false, new Error('closed'));
    if (this.#connection?.isConnected() === true) return this.#connection;
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = undefined;
    });
    try {
      return await withDeadline(`a connection to ${this.address}`, timeoutMs, this.#opening);
    } catch (error) {
      throw (await this.#refused(error)) ?? new LinkError(this.address, false, error);
    }
  }

  /** The refusal behind a failure; where the broker hung up on a new connection, it is asked what it speaks. */
  async #refused(error: unknown, connection?: Connection): Promise<UpliftError | undefined> {
    const refused = authFailure(this.#target, this.address, error);
    if (refused !== undefined || this.#closed || !hungUp(error)) return refused;
    if (connection !== undefined && connection === this.#proven) return undefined;
    return findMismatch(this.#target, this.address);
  }

  async #connect(): Promise<Connection> {
    if (this.#connection !== undefined) this.#drop(this.#connection);
    const { host, port } = splitAddress(this.address);
    const { tls, sasl, clientId, requestTimeoutMs } = this.#target;
    const connection = new Connection(clientId, {
      connectTimeout: requestTimeoutMs,
      // A backstop: each request has its own, shorter deadline in `request`.
      requestTimeout: Math.max(requestTimeoutMs, 30_000),
      ...(tls === undefined ? {} : { tls: tlsOptions(tls, host) }),
      ...(sasl === undefined
        ? {}
        : { sasl: { mechanism: sasl.mechanism, username: sasl.username, password: sasl.password } }),
    });
    // Without a listener a reset connection would end the process (Node's rule for 'error' events).
    connection.on('error', () => undefined);
    this.#connection = connection;
    try {
      await connection.connect(host, port);
      if (this.#closed) throw new Error('closed');
      return connection;
    } catch (error) {
      this.#drop(connection);
      throw error;
    }
  }

  /** `close` stops the timers; the socket is cut as well, because a hung broker never ends its half. */
  #drop(connection: Connection): void {
    if (this.#connection === connection) this.#connection = undefined;
    const { socket } = connection as { socket: Connection['socket'] | undefined };
    void Promise.resolve(connection.close()).catch(() => undefined);
    socket?.on('error', () => undefined);
    socket?.destroy();
  }
}

/** The broker did answer, and its answer carries an error code. */
function isAnswer(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'PLT_KFK_RESPONSE' || error.code === 'PLT_KFK_PROTOCOL')
  );
}
