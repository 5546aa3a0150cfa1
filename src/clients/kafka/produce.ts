import { isUpliftError, UpliftError } from '../../core/error.ts';
import { withDeadline } from '../../core/wait.ts';
import { listAddresses, reasonInWords, unreachable } from './failures.ts';
import { HungBrokers } from './hung-brokers.ts';
import { connectTimeoutMs } from './kafkajs-config.ts';
import { KafkaJsSession } from './kafkajs-session.ts';
import type { LearningProduce, PartitionAck, PartitionBatch } from './ports.ts';
import { PartitionLane } from './produce-lane.ts';
import type { KafkaTarget } from './target.ts';

export interface ProduceOptions {
  /** Sends of one partition that may wait behind the outstanding one; more are refused (UPL-KAFKA-OVERLOADED). */
  readonly maxWaitingSendsPerPartition?: number;
  /**
   * True: a record is sent under one producer id only, so that Kafka itself keeps it from standing twice in the log. A send
   * that a client did not confirm then ends as unknown at once. Default: sent again until its deadline.
   */
  readonly once?: boolean;
  /** How long `openProduce` looks for a broker before it gives up. */
  readonly openTimeoutMs?: number;
  /** How long `close` lets accepted sends finish. */
  readonly closeTimeoutMs?: number;
}

/** Beyond the connections: the login, and what the brokers are asked before a producer has its id. */
const OPEN_MARGIN_MS = 1000;
/** A seed that is away, one that answers, and the coordinator of producer ids. */
const OPEN_CONNECTIONS = 3;

/**
 * Produce over kafkajs 2.2.4 in the only pattern that lost nothing under failure (docs/architecture.md, "The safe
 * producer"): idempotent, one partition a send, one outstanding send a partition, each answer checked, a new client
 * (new producer id) after any rejection. Throws UPL-KAFKA-UNREACHABLE or UPL-KAFKA-AUTH when it cannot connect.
 */
export async function openProduce(
  target: KafkaTarget,
  options: ProduceOptions = {},
): Promise<LearningProduce> {
  const produce = new SafeProduce(target, options);
  await produce.connect(options.openTimeoutMs ?? 10_000);
  return produce;
}

class SafeProduce implements LearningProduce {
  readonly #target: KafkaTarget;
  readonly #options: ProduceOptions;
  readonly #hung: HungBrokers;
  readonly #lanes = new Map<string, PartitionLane>();
  /** Sessions that are not closed yet: the current one and those that let their last sends finish. */
  readonly #alive = new Set<KafkaJsSession>();
  #opening: Promise<KafkaJsSession> | undefined;
  #current: KafkaJsSession | undefined;
  #opened = 0;
  #closing = false;

  constructor(target: KafkaTarget, options: ProduceOptions) {
    this.#target = target;
    this.#options = options;
    this.#hung = new HungBrokers(target, (address) => {
      for (const session of this.#alive) session.cut(address);
    });
  }

  async connect(timeoutMs: number): Promise<void> {
    const startedMs = performance.now();
    let tries = 0;
    let last: unknown;
    while (tries === 0 || performance.now() - startedMs < timeoutMs) {
      tries += 1;
      try {
        const leftMs = timeoutMs - (performance.now() - startedMs);
        await withDeadline('connect to Kafka', Math.max(1, leftMs), this.#session());
        return;
      } catch (error) {
        last = error;
        if (isUpliftError(error, 'UPL-KAFKA-AUTH')) break;
      }
    }
    await this.close();
    if (isUpliftError(last, 'UPL-KAFKA-AUTH')) throw last;
    throw unreachable({
      addresses: this.#target.brokers,
      tries,
      tookMs: performance.now() - startedMs,
      last,
    });
  }

  send(batch: PartitionBatch, options: { readonly deadlineMs: number }): Promise<PartitionAck> {
    if (this.#closing) return Promise.reject(closed());
    const key = `${batch.topic}/${batch.partition}`;
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = new PartitionLane(
        { session: () => this.#session(), retire: (session) => this.#retire(session) },
        this.#options.maxWaitingSendsPerPartition ?? 64,
        this.#options.once,
      );
      this.#lanes.set(key, lane);
    }
    return lane.send(batch, options.deadlineMs);
  }

  async learn(topic: string, { timeoutMs }: { readonly timeoutMs: number }): Promise<void> {
    if (this.#closing) throw closed();
    const learning = this.#session().then((session) => session.learn(topic));
    await withDeadline(`the leaders of ${topic}`, timeoutMs, learning);
  }

  async close(): Promise<void> {
    this.#closing = true;
    const lanes = [...this.#lanes.values()];
    try {
      await withDeadline(
        'finish sends',
        this.#options.closeTimeoutMs ?? 5000,
        Promise.all(lanes.map((lane) => lane.idle())),
      );
    } catch {
      // What is still open is told to its callers below: unknown, or certainly not sent.
    }
    for (const lane of lanes) lane.stop();
    this.#hung.close();
    await Promise.all([...this.#alive].map((session) => session.close()));
    this.#alive.clear();
  }

  /** The current session, opening one when there is none. One attempt: callers retry within their own deadlines. */
  #session(): Promise<KafkaJsSession> {
    if (this.#current !== undefined) return Promise.resolve(this.#current);
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open(): Promise<KafkaJsSession> {
    const onEnd = (ended: KafkaJsSession): void => void this.#alive.delete(ended);
    const session = new KafkaJsSession({
      target: this.#target,
      seeds: this.#seeds(),
      hung: this.#hung,
      onEnd,
    });
    this.#alive.add(session);
    try {
      await session.open(OPEN_CONNECTIONS * connectTimeoutMs(this.#target) + OPEN_MARGIN_MS);
      this.#current = session;
      return session;
    } catch (error) {
      if (isUpliftError(error)) throw error;
      const where = listAddresses(this.#target.brokers);
      throw new UpliftError('UPL-KAFKA-UNREACHABLE', {
        message: `Cannot reach Kafka at ${where} (${reasonInWords(error)}).`,
        cause: error,
      });
    }
  }

  /** Another broker first each time, those known to hang last: kafkajs stays with a seed that accepts but never answers. */
  #seeds(): string[] {
    const all = this.#target.brokers;
    const turn = this.#opened++ % all.length;
    const rotated = [...all.slice(turn), ...all.slice(0, turn)];
    return rotated.toSorted((a, b) => Number(this.#hung.has(a)) - Number(this.#hung.has(b)));
  }

  #retire(session: KafkaJsSession): void {
    if (this.#current === session) this.#current = undefined;
    session.retire();
  }
}

function closed(): UpliftError {
  return new UpliftError('UPL-KAFKA-OVERLOADED', { message: 'This producer is closed; nothing was sent.' });
}
