import { setTimeout as delay } from 'node:timers/promises';
import type { Message, RecordMetadata } from 'kafkajs';
import type { UpliftError } from '../../core/error.ts';
import { toKafkaJsHeaders } from './headers.ts';
import type { PartitionAck, PartitionBatch } from './ports.ts';
import { outcomeUnknown, overloaded, throwIfHopeless } from './produce-error.ts';

/** What a lane needs of a client; a session is one producer id. */
export interface LaneSession {
  send(topic: string, messages: Message[]): Promise<RecordMetadata[]>;
}

export interface LaneSessions<S extends LaneSession> {
  /** The current session, opened when there is none; rejects when it cannot be opened now. */
  session(): Promise<S>;
  /** Takes a session out of use; its sends in flight settle within a bounded time. */
  retire(session: S): void;
}

interface Job {
  readonly batch: PartitionBatch;
  readonly messages: Message[];
  readonly deadlineMs: number;
  readonly endsAtMs: number;
  readonly resolve: (ack: PartitionAck) => void;
  readonly reject: (error: unknown) => void;
  /** Answers a job whose deadline passes while it waits; the one before it may take much longer. */
  readonly expiry: NodeJS.Timeout;
}

type Outcome = { readonly answer: RecordMetadata[] } | { readonly error: unknown };

/**
 * Longer than a partition is without a leader with Kafka's default time-outs, the election of a new quorum included (12.4 s
 * were measured). Until then kafkajs tries again by itself; after it a new session is the better bet.
 */
const LONGEST_ATTEMPT_MS = 15_000;
const PAUSE_MS = [100, 200, 400, 500] as const;

/** The sends of one partition, strictly one after the other; every other partition has its own lane. */
export class PartitionLane<S extends LaneSession = LaneSession> {
  readonly #sessions: LaneSessions<S>;
  readonly #maxWaiting: number;
  readonly #once: boolean;
  readonly #waiting: Job[] = [];
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  /** First offset that the next acknowledgement may have: offsets of one partition only rise. */
  #floor = 0n;
  /** An attempt that was given up at its deadline and still runs inside the client. */
  #abandoned: Promise<unknown> | undefined;

  /** `once`: what a client did not confirm is not sent again by the next one; its outcome stays unknown. */
  constructor(sessions: LaneSessions<S>, maxWaiting: number, once = false) {
    this.#sessions = sessions;
    this.#maxWaiting = maxWaiting;
    this.#once = once;
  }

  send(batch: PartitionBatch, deadlineMs: number): Promise<PartitionAck> {
    const { promise, resolve, reject } = Promise.withResolvers<PartitionAck>();
    try {
      if (batch.records.length === 0) throw new RangeError('a send needs at least one record');
      if (this.#waiting.length >= this.#maxWaiting) {
        throw overloaded(batch.topic, batch.partition, `${this.#maxWaiting} sends wait already`);
      }
      const messages = toMessages(batch);
      const expiry = setTimeout(() => this.#expire(job), deadlineMs);
      const job: Job = {
        batch,
        messages,
        deadlineMs,
        endsAtMs: performance.now() + deadlineMs,
        resolve,
        reject,
        expiry,
      };
      this.#waiting.push(job);
    } catch (error) {
      reject(error);
      return promise;
    }
    this.#running ??= this.#run();
    return promise;
  }

  /** Resolves when nothing waits and nothing is outstanding. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Gives up what waits (certainly not sent) and what is outstanding (unknown). */
  stop(): void {
    this.#stop.abort();
  }

  #expire(job: Job): void {
    const at = this.#waiting.indexOf(job);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    job.reject(notSentInTime(job.batch));
  }

  async #run(): Promise<void> {
    for (let job = this.#waiting.shift(); job !== undefined; job = this.#waiting.shift()) {
      clearTimeout(job.expiry);
      try {
        job.resolve(await this.#deliver(job));
      } catch (error) {
        job.reject(error);
      }
      // The client may still be retrying what was given up: two writers of one partition at a time would break the
      // pattern. A retired session settles its sends within seconds.
      await this.#abandoned;
      this.#abandoned = undefined;
    }
    // In the same turn as the last look at the queue: a send that comes between them would wait for ever.
    this.#running = undefined;
  }

  async #deliver(job: Job): Promise<PartitionAck> {
    let attempts = 0;
    let last: unknown;
    for (let turn = 0; this.#leftMs(job) > 0; turn += 1) {
      const session = await this.#session(job);
      if (session !== undefined && 'opened' in session) attempts += 1;
      const tried =
        session === undefined || 'error' in session ? session : await this.#attempt(job, session.opened);
      if (tried === undefined) break;
      if ('ack' in tried) return tried.ack;
      last = tried.error;
      throwIfHopeless(job.batch, last, attempts);
      if (this.#once && attempts > 0) break;
      await this.#within(job, delay(PAUSE_MS[Math.min(turn, PAUSE_MS.length - 1)] ?? 500));
    }
    if (attempts === 0) throw notSentInTime(job.batch);
    throw outcomeUnknown(job.batch, job.deadlineMs, attempts, last);
  }

  #session(job: Job): Promise<{ opened: S } | { error: unknown } | undefined> {
    const opening = this.#sessions.session().then(
      (opened) => ({ opened }),
      (error: unknown) => ({ error }),
    );
    return this.#within(job, opening);
  }

  /** One try on one session; undefined when the deadline passed first. The session is retired unless it held. */
  async #attempt(job: Job, session: S): Promise<{ ack: PartitionAck } | { error: unknown } | undefined> {
    const sent: Promise<Outcome> = session.send(job.batch.topic, job.messages).then(
      (answer) => ({ answer }),
      (error: unknown) => ({ error }),
    );
    const mayTryAgain = this.#leftMs(job) > LONGEST_ATTEMPT_MS;
    let outcome = await this.#within(job, sent, LONGEST_ATTEMPT_MS);
    if (outcome === undefined && mayTryAgain) {
      // Retired, it begins no further try, and settles: then the next session is tried.
      this.#sessions.retire(session);
      outcome = await this.#within(job, sent);
    }
    if (outcome === undefined) {
      this.#abandoned = sent;
      this.#sessions.retire(session);
      return undefined;
    }
    try {
      if ('error' in outcome) throw outcome.error;
      const ack = verifyAnswer(job.batch, outcome.answer, this.#floor);
      this.#floor = ack.baseOffset + BigInt(ack.count);
      return { ack };
    } catch (error) {
      this.#sessions.retire(session);
      return { error };
    }
  }

  #leftMs(job: Job): number {
    return this.#stop.signal.aborted ? 0 : job.endsAtMs - performance.now();
  }

  /** The work's value, or undefined when the deadline or `longestMs` passes, or the lane is stopped first. */
  async #within<T>(job: Job, work: Promise<T>, longestMs = Number.POSITIVE_INFINITY): Promise<T | undefined> {
    const { promise: over, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => resolve(undefined), Math.max(0, Math.min(longestMs, this.#leftMs(job))));
    const stop = (): void => resolve(undefined);
    this.#stop.signal.addEventListener('abort', stop);
    try {
      return await Promise.race([work, over]);
    } finally {
      clearTimeout(timer);
      this.#stop.signal.removeEventListener('abort', stop);
    }
  }
}

/**
 * An answer counts only when it is about exactly this partition, without an error, at an offset above everything this
 * lane was told before. kafkajs can resolve with an answer that lacks the partition (tulios/kafkajs #1303).
 */
export function verifyAnswer(
  batch: PartitionBatch,
  answer: readonly RecordMetadata[],
  floor: bigint,
): PartitionAck {
  const { topic, partition } = batch;
  const found = answer.filter((one) => one.topicName === topic && one.partition === partition);
  const [only] = found;
  if (only === undefined || found.length > 1)
    throw new Error(`the answer names ${topic}/${partition} ${found.length} times`);
  if (only.errorCode !== 0) throw new Error(`${topic}/${partition} answered error ${only.errorCode}`);
  const baseOffset = BigInt(only.baseOffset ?? '-1');
  if (baseOffset < floor)
    throw new Error(`${topic}/${partition} answered offset ${baseOffset}, expected at least ${floor}`);
  return { topic, partition, baseOffset, count: batch.records.length };
}

function notSentInTime(batch: PartitionBatch): UpliftError {
  return overloaded(batch.topic, batch.partition, 'the deadline passed before it could be sent');
}

function toMessages(batch: PartitionBatch): Message[] {
  return batch.records.map((record) => ({
    key: record.key,
    value: record.value,
    partition: batch.partition,
    ...(record.headers.length === 0 ? {} : { headers: toKafkaJsHeaders(record.headers) }),
  }));
}
