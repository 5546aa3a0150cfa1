/**
 * The last decisions of one partition by command offset, as bytes, to compare what stands in the log with what was
 * decided here. Bounded: of older decisions nothing is known, and that is said (`unknown`), never taken for equal.
 */
export class DecisionMemory {
  readonly #limit: number;
  readonly #bytes = new Map<bigint, Buffer>();
  readonly #order: bigint[] = [];
  #head = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Keeps the first decision of an offset; answers how a later one compares with it. */
  compare(commandOffset: bigint, bytes: Buffer): 'first' | 'same' | 'differs' {
    const known = this.#bytes.get(commandOffset);
    if (known === undefined) {
      this.#remember(commandOffset, bytes);
      return 'first';
    }
    return known.equals(bytes) ? 'same' : 'differs';
  }

  has(commandOffset: bigint): boolean {
    return this.#bytes.has(commandOffset);
  }

  #remember(commandOffset: bigint, bytes: Buffer): void {
    this.#bytes.set(commandOffset, bytes);
    this.#order.push(commandOffset);
    if (this.#order.length - this.#head <= this.#limit) return;
    const oldest = this.#order[this.#head];
    if (oldest !== undefined) this.#bytes.delete(oldest);
    this.#head += 1;
    if (this.#head < this.#limit) return;
    this.#order.splice(0, this.#head);
    this.#head = 0;
  }
}
