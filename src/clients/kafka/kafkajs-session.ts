import type { Socket } from 'node:net';
import { Kafka, type KafkaConfig, type Message, type Producer, type RecordMetadata } from 'kafkajs';
import { isUpliftError, type UpliftError } from '../../core/error.ts';
import { withDeadline } from '../../core/wait.ts';
import type { HungBrokers } from './hung-brokers.ts';
import { connectTimeoutMs, credentialsOf, socketTo } from './kafkajs-config.ts';
import { mendKafkaJsIdleTimer } from './kafkajs-idle.ts';
import { PRODUCER_SETTINGS } from './producer-settings.ts';
import { refusalAt } from './refusal-at.ts';
import type { KafkaTarget } from './target.ts';

/** The retries of the safe pattern while a session is current (docs/architecture.md, "The safe producer"). */
const RETRIES = 100;
const REQUEST_TIMEOUT_MS = PRODUCER_SETTINGS.requestTimeoutMs;

export interface SessionContext {
  readonly target: KafkaTarget;
  /** Where to look first: the session connects to these in order. */
  readonly seeds: readonly string[];
  readonly hung: HungBrokers;
  /** Called once, when the session holds no socket and no timer any more. */
  readonly onEnd: (session: KafkaJsSession) => void;
}

/**
 * One kafkajs producer, with one producer id, from connect to its last breath. kafkajs cannot be told to give up a send,
 * and a disconnected producer *reconnects* to go on retrying, so a session holds both ends of the leash: its sockets
 * (made here, so that they can be cut and refused) and the number of retries (read anew for each decision to retry).
 */
export class KafkaJsSession {
  readonly #context: SessionContext;
  readonly #producer: Producer;
  readonly #sockets = new Map<Socket, string>();
  #retired = false;
  #killed = false;
  #hardStop: NodeJS.Timeout | undefined;
  #opened = false;
  readonly #reached = new Set<string>();
  /** Of each send that has not settled: kafkajs promises no end (a send that waits for its broker's lock waits up to 65 s). */
  readonly #unsettled = new Set<(error: Error) => void>();
  /** Rejects with the first refusal of a broker while the session opens: kafkajs itself would go on trying. */
  readonly #refused = Promise.withResolvers<never>();
  /** What brokers said that ended a connection while the session opened; each is asked once. */
  readonly #asked = new Map<string, Promise<UpliftError | undefined>>();
  #ending: Promise<void> | undefined;
  /** Topics being asked for: kafkajs goes on for long after its caller gave up. */
  readonly #learning = new Map<string, Promise<void>>();

  constructor(context: SessionContext) {
    mendKafkaJsIdleTimer();
    this.#context = context;
    // It may be rejected after `open` has ended otherwise.
    this.#refused.promise.catch(() => undefined);
    const { target } = context;
    this.#producer = new Kafka(this.#config(target)).producer({
      idempotent: true,
      maxInFlightRequests: 5,
      metadataMaxAge: PRODUCER_SETTINGS.metadataMaxAgeMs,
      allowAutoTopicCreation: false,
      // Every message names its partition; anything else would be a bug here, and no hash decides in silence.
      createPartitioner: () => (args) => args.message.partition ?? -1,
    });
    this.#producer.on(this.#producer.events.REQUEST_TIMEOUT, (event) =>
      context.hung.suspect(event.payload.broker),
    );
  }

  /** Connects and gets a producer id. UPL-KAFKA-AUTH when a broker refuses the login or is not trusted. */
  async open(timeoutMs: number): Promise<void> {
    try {
      const connecting = Promise.race([this.#producer.connect(), this.#refused.promise]);
      await withDeadline('connect to Kafka', timeoutMs, connecting);
      this.#opened = true;
    } catch (error) {
      this.#retired = true;
      this.#kill();
      throw (await this.#refusalBehind(error)) ?? error;
    }
  }

  /**
   * One attempt (with kafkajs's own retries under the same producer id and sequence) to write one partition. It settles at
   * the latest when the session has no socket any more: kafkajs by itself may leave a send without an end.
   */
  async send(topic: string, messages: Message[]): Promise<RecordMetadata[]> {
    const { promise, resolve, reject } = Promise.withResolvers<RecordMetadata[]>();
    this.#unsettled.add(reject);
    try {
      this.#producer
        .send({ topic, messages, acks: -1, timeout: REQUEST_TIMEOUT_MS })
        .then(resolve, (error: unknown) => reject(error));
      return await promise;
    } finally {
      this.#unsettled.delete(reject);
      if (this.#retired && this.#unsettled.size === 0) void this.#end();
    }
  }

  /** Asks for the leaders of a topic, by a send of nothing: kafkajs has no other call for it, and writes nothing then. */
  learn(topic: string): Promise<void> {
    const standing = this.#learning.get(topic);
    if (standing !== undefined) return standing;
    const learning = this.#producer
      .sendBatch({ acks: -1, topicMessages: [{ topic, messages: [] }] })
      .then(() => undefined)
      .finally(() => this.#learning.delete(topic));
    this.#learning.set(topic, learning);
    return learning;
  }

  /**
   * No further sends here. Those in flight may still succeed on the try they are in; none begins another. When the last
   * one has settled (at the latest after two request time-outs) the client is disconnected and its sockets are cut.
   */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#hardStop = setTimeout(() => this.#kill(), 2 * REQUEST_TIMEOUT_MS + 1000);
    if (this.#unsettled.size === 0) void this.#end();
  }

  /** Cuts the sockets to one broker that hangs; kafkajs then retries elsewhere with the same sequence. */
  cut(address: string): void {
    for (const [socket, to] of this.#sockets)
      if (to === address) socket.destroy(new Error(`broker ${address} does not answer`));
  }

  /** Ends at once, whatever is in flight (its outcome stays unknown). */
  async close(): Promise<void> {
    this.#retired = true;
    await this.#end();
  }

  #end(): Promise<void> {
    this.#ending ??= this.#disconnect();
    return this.#ending;
  }

  async #disconnect(): Promise<void> {
    try {
      await withDeadline('disconnect from Kafka', 1000, this.#producer.disconnect());
    } catch {
      // A hung broker does not answer; the sockets are cut next in any case.
    }
    this.#kill();
  }

  #kill(): void {
    if (this.#killed) return;
    this.#killed = true;
    clearTimeout(this.#hardStop);
    const discarded = new Error('this producer was discarded');
    for (const socket of this.#sockets.keys()) socket.destroy(discarded);
    for (const reject of this.#unsettled) reject(discarded);
    this.#context.onEnd(this);
  }

  #config(target: KafkaTarget): KafkaConfig {
    const requestTimeout = Math.min(REQUEST_TIMEOUT_MS, target.requestTimeoutMs);
    // kafkajs compares `retryCount < retries` before every retry and keeps this very object: it is how a retired
    // session stops its background retries, for which kafkajs has no call.
    const retries = { valueOf: () => (this.#retired ? 0 : RETRIES) } as unknown as number;
    return {
      brokers: [...this.#context.seeds],
      ...credentialsOf(target),
      connectionTimeout: connectTimeoutMs(target),
      authenticationTimeout: requestTimeout,
      requestTimeout,
      enforceRequestTimeout: true,
      retry: { initialRetryTime: 100, maxRetryTime: 500, retries },
      socketFactory: (to) => this.#connect(to.host, to.port, to.onConnect),
    };
  }

  #connect(host: string, port: number, onConnect: () => void): Socket {
    const address = `${host}:${port}`;
    if (this.#killed) throw new Error('this producer was discarded');
    if (this.#context.hung.has(address)) throw new Error(`broker ${address} does not answer`);
    const socket = socketTo(this.#context.target, { host, port }, onConnect);
    this.#sockets.set(socket, address);
    this.#reached.add(address);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      void this.#askWhy(address);
    });
    return socket;
  }

  /** A broker that ends a connection while the session opens may have refused us; kafkajs does not tell that apart. */
  async #askWhy(address: string): Promise<void> {
    if (this.#opened || this.#retired) return;
    const refusal = await this.#ask(address);
    if (refusal !== undefined) this.#refused.reject(refusal);
  }

  /** kafkajs gave up by itself: at a refusal of the login, or at a line that broke during one. */
  async #refusalBehind(error: unknown): Promise<UpliftError | undefined> {
    if (isUpliftError(error)) return undefined;
    const told = await Promise.all([...this.#reached].map((address) => this.#ask(address)));
    return told.find((refusal) => refusal !== undefined);
  }

  #ask(address: string): Promise<UpliftError | undefined> {
    const asked = this.#asked.get(address) ?? refusalAt(this.#context.target, address);
    this.#asked.set(address, asked);
    return asked;
  }
}
