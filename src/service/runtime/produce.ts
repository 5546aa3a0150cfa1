import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { LearningProduce, OutRecord, PartitionAck, PartitionBatch } from '../../clients/kafka/ports.ts';
import { UpliftError } from '../../core/error.ts';
import { type ProbeResult, seenNow } from './probes.ts';
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

/** A Produce that may not be open yet. */
export interface OpeningProduce extends LearningProduce {
  /** Ok once it is open, and from then on: it mends itself, and what Kafka does not take is told to whoever sends. */
  probe(): ProbeResult;
}

/**
 * A Produce that opens in the background and again every second (after a refusal: every ten) until it works, so that a
 * role lives before Kafka does.
 * Until then a send is refused as UPL-KAFKA-OVERLOADED: certainly not sent.
 */
export function openInBackground(open: () => Promise<LearningProduce>, log: Logger): OpeningProduce {
  return new BackgroundProduce(open, log);
}

class BackgroundProduce implements OpeningProduce {
  readonly #log: Logger;
  readonly #stop = new AbortController();
  readonly #opening: Promise<void>;
  #produce: LearningProduce | undefined;
  /** Why the last try failed. */
  #reason: string | undefined;

  constructor(open: () => Promise<LearningProduce>, log: Logger) {
    this.#log = log;
    this.#opening = this.#open(open);
  }

  async send(batch: PartitionBatch, options: { readonly deadlineMs: number }): Promise<PartitionAck> {
    return this.#opened().send(batch, options);
  }

  async learn(topic: string, options: { readonly timeoutMs: number }): Promise<void> {
    await this.#opened().learn(topic, options);
  }

  probe(): ProbeResult {
    return seenNow('producer', () => {
      if (this.#produce === undefined) throw new Error(this.#reason ?? 'connecting to Kafka');
      return 'open';
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#opening;
    await this.#produce?.close();
  }

  #opened(): LearningProduce {
    if (this.#produce !== undefined) return this.#produce;
    throw new UpliftError('UPL-KAFKA-OVERLOADED', {
      message: 'Not connected to Kafka yet; nothing was sent.',
    });
  }

  async #open(open: () => Promise<LearningProduce>): Promise<void> {
    const { signal } = this.#stop;
    const retries = new Retries();
    while (!signal.aborted && this.#produce === undefined) {
      try {
        this.#produce = await open();
      } catch (error) {
        const { reason, isNew, delayMs } = retries.failed(error);
        this.#reason = reason;
        if (isNew) this.#log.warn({ reason, retryMs: delayMs }, 'cannot connect to Kafka, trying again');
        await delay(delayMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }
}
