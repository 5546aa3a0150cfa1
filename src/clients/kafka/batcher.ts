import { isUpliftError, UpliftError } from '../../core/error.ts';
import type { OutRecord, PartitionAck, Produce } from './ports.ts';
import { overloaded } from './produce-error.ts';

export interface BatcherLimits {
  readonly maxRecordsPerBatch: number;
  /** Keys, values and headers of one batch; a single larger record goes alone. Keep it below Kafka's message.max.bytes. */
  readonly maxBytesPerBatch: number;
  /** Records of one partition that may wait for a batch. */
  readonly maxQueuedRecordsPerPartition: number;
  /** Bytes that may wait in all partitions together. */
  readonly maxQueuedBytes: number;
}

export const DEFAULT_BATCHER_LIMITS: BatcherLimits = {
  maxRecordsPerBatch: 500,
  maxBytesPerBatch: 512 * 1024,
  maxQueuedRecordsPerPartition: 5000,
  maxQueuedBytes: 64 * 1024 * 1024,
};

export interface BatcherOptions {
  readonly limits?: Partial<BatcherLimits>;
  /** Throws for a record that the Produce adapter cannot carry, so that it never spoils the batch of others. */
  readonly check?: (record: OutRecord) => void;
}

export interface Appended {
  readonly partition: number;
  readonly offset: bigint;
}

interface Entry {
  readonly record: OutRecord;
  readonly bytes: number;
  readonly deadlineMs: number;
  readonly endsAtMs: number;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: unknown) => void;
  timer: NodeJS.Timeout | undefined;
  /** 'queued' → certainly not sent; 'sent' → part of a batch that was handed over; 'settled' → its caller was answered. */
  state: 'queued' | 'sent' | 'settled';
}

interface Lane {
  readonly topic: string;
  readonly partition: number;
  /** In order; may hold entries already settled by their deadline, which are skipped. */
  queue: Entry[];
  /** Entries of the queue that still wait. */
  waiting: number;
  draining: Promise<void> | undefined;
}

/**
 * Collects single records while a send of their partition is outstanding, so that one partition costs one request at a
 * time however many callers there are. Generic over Produce. `append` resolves with the record's offset, or throws
 * UPL-KAFKA-OVERLOADED (certainly not sent) or whatever Produce threw (UPL-KAFKA-PRODUCE = outcome unknown).
 */
export class PartitionBatcher {
  readonly #produce: Pick<Produce, 'send'>;
  readonly #limits: BatcherLimits;
  readonly #check: (record: OutRecord) => void;
  readonly #lanes = new Map<string, Lane>();
  #queuedBytes = 0;
  #closed = false;

  constructor(produce: Pick<Produce, 'send'>, options: BatcherOptions = {}) {
    this.#produce = produce;
    this.#limits = { ...DEFAULT_BATCHER_LIMITS, ...options.limits };
    this.#check = options.check ?? (() => undefined);
  }

  /** Bytes that wait in all partitions, for metrics and for shedding load early. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** `deadlineMs` counts from this call. A record whose deadline passes while its batch is outstanding is unknown. */
  append(topic: string, partition: number, record: OutRecord, deadlineMs: number): Promise<Appended> {
    const lane = this.#lane(topic, partition);
    const bytes = sizeOf(record);
    try {
      if (this.#closed) throw overloaded(topic, partition, 'closed');
      if (lane.waiting >= this.#limits.maxQueuedRecordsPerPartition) {
        throw overloaded(topic, partition, `${lane.waiting} records wait already`);
      }
      if (this.#queuedBytes + bytes > this.#limits.maxQueuedBytes) {
        throw overloaded(topic, partition, `${this.#queuedBytes} bytes wait already`);
      }
      this.#check(record);
    } catch (error) {
      return Promise.reject(error);
    }
    const { promise, resolve, reject } = Promise.withResolvers<Appended>();
    const endsAtMs = performance.now() + deadlineMs;
    const entry: Entry = {
      record,
      bytes,
      deadlineMs,
      endsAtMs,
      resolve,
      reject,
      timer: undefined,
      state: 'queued',
    };
    entry.timer = setTimeout(() => this.#expire(lane, entry), deadlineMs);
    lane.queue.push(entry);
    lane.waiting += 1;
    this.#queuedBytes += bytes;
    lane.draining ??= this.#drain(lane);
    return promise;
  }

  /** Refuses new records and waits until the accepted ones are answered (each has its own deadline). */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#lanes.values()].map((lane) => lane.draining));
  }

  #lane(topic: string, partition: number): Lane {
    const key = `${topic}/${partition}`;
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    const lane: Lane = { topic, partition, queue: [], waiting: 0, draining: undefined };
    this.#lanes.set(key, lane);
    return lane;
  }

  async #drain(lane: Lane): Promise<void> {
    // Records of the same tick share the first batch too.
    await Promise.resolve();
    while (lane.waiting > 0) await this.#send(lane, this.#take(lane));
    // In the same turn as the last look at the queue: a record that comes between them would wait for ever.
    lane.draining = undefined;
  }

  #take(lane: Lane): Entry[] {
    const { maxRecordsPerBatch, maxBytesPerBatch } = this.#limits;
    const batch: Entry[] = [];
    let bytes = 0;
    let passed = 0;
    for (const entry of lane.queue) {
      const full =
        batch.length === maxRecordsPerBatch || (batch.length > 0 && bytes + entry.bytes > maxBytesPerBatch);
      if (full) break;
      passed += 1;
      if (entry.state !== 'queued') continue;
      entry.state = 'sent';
      bytes += entry.bytes;
      batch.push(entry);
    }
    lane.queue = lane.queue.slice(passed);
    lane.waiting -= batch.length;
    this.#queuedBytes -= bytes;
    return batch;
  }

  async #send(lane: Lane, batch: readonly Entry[]): Promise<void> {
    // The most patient record decides: the others are answered by their own timers, and the batch stays one.
    const deadlineMs = Math.max(1, ...batch.map((entry) => entry.endsAtMs - performance.now()));
    const { topic, partition } = lane;
    let ack: PartitionAck;
    try {
      ack = await this.#produce.send(
        { topic, partition, records: batch.map((entry) => entry.record) },
        { deadlineMs },
      );
    } catch (error) {
      // Kafka refused the batch as such, so nothing of it is in the log: find the record it is about.
      if (batch.length > 1 && isUpliftError(error, 'UPL-KAFKA-REQUEST')) {
        for (const entry of batch) if (entry.state === 'sent') await this.#send(lane, [entry]);
        return;
      }
      for (const entry of batch) settle(entry, () => entry.reject(error));
      return;
    }
    for (const [index, entry] of batch.entries()) {
      settle(entry, () => entry.resolve({ partition, offset: ack.baseOffset + BigInt(index) }));
    }
  }

  #expire(lane: Lane, entry: Entry): void {
    const { topic, partition } = lane;
    if (entry.state === 'queued') {
      lane.waiting -= 1;
      this.#queuedBytes -= entry.bytes;
      if (lane.waiting === 0) lane.queue = [];
      settle(entry, () => entry.reject(overloaded(topic, partition, 'the deadline passed while it waited')));
      return;
    }
    const message = `${topic}/${partition}: a record was not acknowledged within ${entry.deadlineMs} ms; whether it is in the log is unknown.`;
    settle(entry, () => entry.reject(new UpliftError('UPL-KAFKA-PRODUCE', { message })));
  }
}

function settle(entry: Entry, answer: () => void): void {
  if (entry.state === 'settled') return;
  entry.state = 'settled';
  clearTimeout(entry.timer);
  answer();
}

/** Bytes of a record in a batch: its parts, and about 70 for lengths and the head (record format v2). */
function sizeOf(record: OutRecord): number {
  const headers = record.headers.reduce(
    (sum, [key, value]) => sum + key.length + (value?.length ?? 0) + 6,
    0,
  );
  return (record.key?.length ?? 0) + (record.value?.length ?? 0) + headers + 70;
}
