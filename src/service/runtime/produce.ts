import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { OutRecord, PartitionAck, PartitionBatch, Produce } from '../../clients/kafka/ports.ts';
import { UpliftError } from '../../core/error.ts';
import { Retries } from './retry.ts';

/** Appends one record to one partition and resolves when all in-sync replicas have it; the batcher of clients/kafka. */
export interface Append {
  append(
    topic: string,
    partition: number,
    record: OutRecord,
    deadlineMs: number,
  ): Promise<{ readonly partition: number; readonly offset: bigint }>;
}

/**
 * A Produce that opens in the background and again every second (after a refusal: every ten) until it works, so that a
 * role lives before Kafka does.
 * Until then a send is refused as UPL-KAFKA-OVERLOADED: certainly not sent.
 */
export function openInBackground(open: () => Promise<Produce>, log: Logger): Produce {
  return new BackgroundProduce(open, log);
}

class BackgroundProduce implements Produce {
  readonly #log: Logger;
  readonly #stop = new AbortController();
  readonly #opening: Promise<void>;
  #produce: Produce | undefined;

  constructor(open: () => Promise<Produce>, log: Logger) {
    this.#log = log;
    this.#opening = this.#open(open);
  }

  send(batch: PartitionBatch, options: { readonly deadlineMs: number }): Promise<PartitionAck> {
    if (this.#produce !== undefined) return this.#produce.send(batch, options);
    return Promise.reject(
      new UpliftError('UPL-KAFKA-OVERLOADED', { message: 'Not connected to Kafka yet; nothing was sent.' }),
    );
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#opening;
    await this.#produce?.close();
  }

  async #open(open: () => Promise<Produce>): Promise<void> {
    const { signal } = this.#stop;
    const retries = new Retries();
    while (!signal.aborted && this.#produce === undefined) {
      try {
        this.#produce = await open();
      } catch (error) {
        const { reason, isNew, delayMs } = retries.failed(error);
        if (isNew) this.#log.warn({ reason, retryMs: delayMs }, 'cannot connect to Kafka, trying again');
        await delay(delayMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }
}
