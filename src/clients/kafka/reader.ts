import { isUpliftError, reasonOf, UpliftError } from '../../core/error.ts';
import { BatchQueue } from './batch-queue.ts';
import type { Brokers } from './brokers.ts';
import { reasonInWords } from './failures.ts';
import { type FetchGot, fetchOnce } from './fetch.ts';
import { LeaderLinks } from './leader-links.ts';
import { describeCluster } from './metadata.ts';
import type { Reader, ReaderOptions, ReadPosition, RecordBatch } from './ports.ts';
import { Signal } from './signal.ts';
import {
  applyFetch,
  applyMetadata,
  markStale,
  needsLeader,
  newSlot,
  type Slot,
  type StalledPartition,
  stalledBy,
  UNSERVED_MS,
} from './slots.ts';

export interface ReadOptions extends Required<ReaderOptions> {
  /** How long a broker holds a fetch open when there is nothing new. */
  readonly maxWaitMs: number;
}

const DEFAULTS: ReadOptions = { maxWaitMs: 300, gatherMs: 10, maxBufferedBytes: 32 * 1024 * 1024 };
/** A fetch that takes longer than it may wait plus this is given up: the broker hangs. */
const FETCH_GRACE_MS = 2000;
const MAX_FETCH_BYTES = 4 * 1024 * 1024;
const MAX_PARTITION_BYTES = 1024 * 1024;
const MIN_PARTITION_BYTES = 64 * 1024;
const METADATA_TRY_MS = 1000;

/**
 * Reads a fixed set of partitions: one task per leader with one long poll for all its partitions, one task that looks
 * up leaders while something is not served. It reconnects until closed; only out-of-range, refused logins and unreadable
 * data end it, by `next` throwing.
 */
export class KafkaReader implements Reader {
  readonly #brokers: Brokers;
  readonly #options: ReadOptions;
  readonly #onClose: (reader: KafkaReader) => void;
  readonly #slots = new Map<string, Slot>();
  readonly #queue: BatchQueue;
  /** Asked of one partition in one answer. */
  readonly #partitionBytes: number;
  readonly #arrived = new Signal();
  readonly #room = new Signal();
  readonly #lookUp = new Signal();
  /** Notified only by close: what ends a pause early. */
  readonly #gather = new Signal();
  readonly #leaders: LeaderLinks;
  readonly #tasks = new Map<number, Promise<void>>();
  readonly #following: Promise<void>;
  #refusal: UpliftError | undefined;
  #turn = 0;
  #closed = false;

  constructor(
    brokers: Brokers,
    positions: readonly ReadPosition[],
    options: Partial<ReadOptions> & { readonly onClose: (reader: KafkaReader) => void },
  ) {
    this.#brokers = brokers;
    this.#leaders = new LeaderLinks(brokers.target);
    this.#options = { ...DEFAULTS, ...options };
    this.#onClose = options.onClose;
    for (const position of positions) {
      const slot = newSlot(position, performance.now());
      this.#slots.set(slot.key, slot);
    }
    const share = Math.floor(this.#options.maxBufferedBytes / Math.max(1, positions.length));
    const bytes = Math.max(MIN_PARTITION_BYTES, share);
    this.#queue = new BatchQueue(bytes);
    this.#partitionBytes = Math.min(MAX_PARTITION_BYTES, bytes);
    this.#following = this.#follow();
  }

  async next(waitMs: number): Promise<RecordBatch | undefined> {
    if (this.#closed) throw new UpliftError('UPL-KAFKA-REQUEST', { message: 'This reader is closed.' });
    const endsAtMs = performance.now() + waitMs;
    for (;;) {
      this.#throwFailure();
      const batch = this.#queue.take();
      if (batch !== undefined) {
        this.#room.notify();
        return batch;
      }
      const leftMs = endsAtMs - performance.now();
      if (leftMs <= 0 || this.#closed) return undefined;
      await this.#arrived.wait(leftMs);
    }
  }

  seek(topic: string, partition: number, nextOffset: bigint): void {
    const slot = this.#slots.get(`${topic}/${partition}`);
    if (slot === undefined)
      throw new RangeError(`${topic}/${partition} is not among the partitions of this reader`);
    this.#queue.drop(slot.key);
    slot.nextOffset = nextOffset;
    slot.generation += 1;
    slot.failure = undefined;
    slot.retryAtMs = 0;
    this.#startTasks();
    this.#room.notify();
    this.#lookUp.notify();
  }

  stalled(olderThanMs: number): StalledPartition[] {
    const now = performance.now();
    return [...this.#slots.values()].flatMap((slot) =>
      stalledBy(slot, this.#queue.hasRoom(slot.key), now, olderThanMs),
    );
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#leaders.close();
    for (const signal of [this.#arrived, this.#room, this.#lookUp, this.#gather]) signal.notify();
    await Promise.all([this.#following, ...this.#tasks.values()]);
    this.#onClose(this);
  }

  #throwFailure(): void {
    if (this.#refusal !== undefined) throw this.#refusal;
    for (const slot of this.#slots.values()) if (slot.failure !== undefined) throw slot.failure;
  }

  /** Looks up leaders while some partition is not served, with a pause that grows from 100 ms to 500 ms. */
  async #follow(): Promise<void> {
    let quiet = 0;
    while (!this.#closed) {
      if (!this.#needsLeaders()) {
        quiet = 0;
        await this.#lookUp.wait(UNSERVED_MS);
        continue;
      }
      try {
        await this.#refresh();
      } catch (error) {
        if (isUpliftError(error, 'UPL-KAFKA-AUTH')) this.#refusal = error;
        for (const slot of this.#slots.values())
          if (slot.stale) slot.reason = isUpliftError(error) ? error.message : reasonOf(error);
      }
      this.#startTasks();
      this.#arrived.notify();
      quiet = Math.min(quiet + 1, 5);
      await this.#lookUp.pause(quiet * 100, () => this.#closed);
    }
  }

  #needsLeaders(): boolean {
    const now = performance.now();
    return [...this.#slots.values()].some((slot) => needsLeader(slot, this.#queue.hasRoom(slot.key), now));
  }

  async #refresh(): Promise<void> {
    const topics = [...new Set([...this.#slots.values()].map((slot) => slot.topic))];
    const state = await describeCluster(this.#brokers, topics, {
      timeoutMs: 3 * METADATA_TRY_MS,
      tryTimeoutMs: METADATA_TRY_MS,
    });
    this.#leaders.learn(state.brokers);
    const now = performance.now();
    for (const slot of this.#slots.values()) if (slot.failure === undefined) applyMetadata(slot, state, now);
    this.#room.notify();
  }

  #startTasks(): void {
    for (const { leader, failure } of this.#slots.values()) {
      if (this.#closed || leader < 0 || failure !== undefined || this.#tasks.has(leader)) continue;
      this.#tasks.set(leader, this.#readFrom(leader));
    }
  }

  /** Fetches from one leader until it leads nothing of ours. */
  async #readFrom(leader: number): Promise<void> {
    while (!this.#closed) {
      const led = [...this.#slots.values()].filter(
        (slot) => slot.leader === leader && slot.failure === undefined,
      );
      if (led.length === 0) {
        // In this very turn: a partition that comes back to this leader needs a new task.
        this.#tasks.delete(leader);
        return this.#leaders.drop(leader);
      }
      const now = performance.now();
      const ready = led.filter((slot) => slot.retryAtMs <= now && this.#queue.hasRoom(slot.key));
      // A partition that is full is not behind for lack of an answer.
      for (const slot of led) if (!this.#queue.hasRoom(slot.key)) slot.servedAtMs = now;
      if (ready.length === 0) {
        await this.#room.wait(100);
        continue;
      }
      // With some partitions left out, look again soon: they may have room by then.
      const maxWaitMs =
        ready.length < led.length ? Math.min(50, this.#options.maxWaitMs) : this.#options.maxWaitMs;
      const got = await this.#fetch(leader, ready, maxWaitMs);
      if (got && this.#options.gatherMs > 0)
        await this.#gather.pause(this.#options.gatherMs, () => this.#closed);
    }
  }

  /** True when records came. */
  async #fetch(leader: number, slots: readonly Slot[], maxWaitMs: number): Promise<boolean> {
    const asked = new Map(
      slots.map((slot) => [`${slot.topicId}/${slot.partition}`, { slot, generation: slot.generation }]),
    );
    // The broker fills an answer in the order of the question: begin with another partition each time.
    const turn = this.#turn++ % slots.length;
    const wants = [...slots.slice(turn), ...slots.slice(0, turn)].map((slot) => ({
      ...slot,
      maxBytes: this.#partitionBytes,
    }));
    let got: readonly FetchGot[] = [];
    let reason = `broker ${leader} did not answer for it`;
    try {
      const limits = { maxWaitMs, maxBytes: MAX_FETCH_BYTES };
      const ask = this.#leaders.link(leader);
      got = await ask.request((to) => fetchOnce(to, wants, limits), maxWaitMs + FETCH_GRACE_MS);
    } catch (error) {
      if (isUpliftError(error, 'UPL-KAFKA-AUTH')) this.#refusal = error;
      reason = `broker ${leader}: ${reasonInWords(error)}`;
    }
    const now = performance.now();
    for (const one of got) {
      const key = `${one.topicId}/${one.partition}`;
      const { slot, generation } = asked.get(key) ?? {};
      asked.delete(key);
      if (slot === undefined || slot.generation !== generation) continue;
      const decoded = applyFetch(slot, one, now);
      if (decoded === undefined) continue;
      const [{ topic, topicId, partition }, { bytes, ...read }] = [slot, decoded];
      this.#queue.add(
        slot.key,
        { topic, topicId, partition, highWatermark: one.highWatermark, ...read },
        bytes,
      );
    }
    // Whatever the answer left out would be asked again at once, for ever.
    for (const { slot, generation } of asked.values()) {
      if (slot.generation === generation) markStale(slot, reason, now);
    }
    if (slots.some((slot) => slot.stale)) this.#lookUp.notify();
    this.#arrived.notify();
    return got.some((one) => one.batches.length > 0);
  }
}
