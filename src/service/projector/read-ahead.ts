import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Reader, RecordBatch } from '../../clients/kafka/ports.ts';
import type { EventSchema } from '../../contract/events.ts';
import { type ReadBatch, type ReadRecord, readRecords } from './event.ts';

/** What is read and not taken: once there are so many records, nothing more is read. */
const MAX_RECORDS = 2000;
const WAIT_MS = 250;
/** Decoded in one go, some milliseconds: the write that goes on beside it gets its turn in between. */
const RECORDS_A_TURN = 128;

export interface ReadAheadOptions {
  readonly reader: Pick<Reader, 'next'>;
  /** Newest event schema that is read. */
  readonly eventSchema: EventSchema;
  /** Told of every batch; false: it is dropped. */
  readonly onBatch: (batch: RecordBatch) => boolean;
}

/**
 * Reads and decodes events while those before them are written: one gathered batch ahead, of MAX_RECORDS records and what
 * the batch that passes that bound has more. It judges nothing: where events stand in the chain, and what becomes of them,
 * is only known once the batch before is applied.
 */
export class ReadAhead {
  readonly #options: ReadAheadOptions;
  #read: ReadBatch[] = [];
  #records = 0;
  /** Reads on without waiting: the last question got an answer. */
  #filling = false;
  #dropping = false;
  #failure: { readonly error: unknown } | undefined;
  #running: Promise<void> | undefined;
  #settled = Promise.withResolvers<void>();

  constructor(options: ReadAheadOptions) {
    this.#options = options;
  }

  /**
   * What is there, in the order of the log, once nothing more comes at once or the bound is reached; nothing after WAIT_MS
   * without a batch. From then on the next batches are read. Throws what the reader threw.
   */
  async take(): Promise<readonly ReadBatch[]> {
    this.#start();
    if (this.#failure === undefined && (this.#filling || this.#read.length === 0))
      await this.#settled.promise;
    if (this.#failure !== undefined) throw this.#failure.error;
    const taken = this.#read;
    this.#clear();
    this.#start();
    return taken;
  }

  /**
   * Drops what was read ahead, and reads nothing until the next `take`. Only after this may the reader be sought: a batch
   * from where it was sought to would be dropped, too, and nobody would read it again.
   */
  async drop(): Promise<void> {
    this.#dropping = true;
    await this.#running;
    this.#clear();
    this.#failure = undefined;
    this.#dropping = false;
  }

  #clear(): void {
    this.#read = [];
    this.#records = 0;
  }

  #start(): void {
    if (this.#running !== undefined || this.#failure !== undefined || this.#records >= MAX_RECORDS) return;
    this.#running = this.#fill();
  }

  /** Never rejects. */
  async #fill(): Promise<void> {
    try {
      while (!this.#dropping && this.#records < MAX_RECORDS) {
        const batch = await this.#options.reader.next(this.#filling ? 0 : WAIT_MS);
        this.#filling = batch !== undefined;
        if (batch !== undefined) await this.#decode(batch);
        else this.#settle();
      }
    } catch (error) {
      this.#failure = { error };
    }
    this.#filling = false;
    this.#running = undefined;
    this.#settle();
  }

  async #decode(batch: RecordBatch): Promise<void> {
    if (!this.#options.onBatch(batch)) return;
    const { records } = batch;
    const events: ReadRecord[] = [];
    for (let at = 0; at < records.length; at += RECORDS_A_TURN) {
      if (at > 0) await nextTurn();
      events.push(...readRecords(records.slice(at, at + RECORDS_A_TURN), this.#options.eventSchema));
    }
    this.#read.push({ batch, events });
    // One that holds no records counts too, or any number of those would be taken.
    this.#records += Math.max(1, records.length);
  }

  #settle(): void {
    this.#settled.resolve();
    this.#settled = Promise.withResolvers<void>();
  }
}
