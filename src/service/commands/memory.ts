import { hash } from 'node:crypto';

/**
 * The last decisions of one partition by command offset, as digests, to compare what stands in the log with what was
 * decided here. Bounded: of older decisions nothing is known, and that is said (`first`), never taken for equal.
 * Digests, because a kept buffer keeps all it was cut from: a whole answer of Kafka, or 8 KiB of Node's buffer pool.
 */
export class DecisionMemory {
  readonly #limit: number;
  readonly #digests = new Map<bigint, string>();
  readonly #order: bigint[] = [];
  #head = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Keeps the first decision of an offset; answers how a later one compares with it. Beyond the limit the oldest are
   * forgotten, but none after `readThrough`: the log has yet to say whether it holds the same.
   */
  compare(commandOffset: bigint, bytes: Buffer, readThrough = commandOffset): 'first' | 'same' | 'differs' {
    const digest = hash('sha256', bytes, 'base64');
    const known = this.#digests.get(commandOffset);
    if (known === undefined) {
      this.#remember(commandOffset, digest, readThrough);
      return 'first';
    }
    return known === digest ? 'same' : 'differs';
  }

  has(commandOffset: bigint): boolean {
    return this.#digests.has(commandOffset);
  }

  #remember(commandOffset: bigint, digest: string, readThrough: bigint): void {
    this.#digests.set(commandOffset, digest);
    this.#order.push(commandOffset);
    while (this.#order.length - this.#head > this.#limit) {
      const oldest = this.#order[this.#head];
      if (oldest === undefined || oldest > readThrough) break;
      this.#digests.delete(oldest);
      this.#head += 1;
    }
    if (this.#head < this.#limit) return;
    this.#order.splice(0, this.#head);
    this.#head = 0;
  }
}
