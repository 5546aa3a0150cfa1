/** Counts something rare, and remembers when it came last. */
export class Tally {
  readonly #monoMs: () => number;
  #count = 0;
  #lastMs: number | undefined;

  constructor(monoMs: () => number = () => performance.now()) {
    this.#monoMs = monoMs;
  }

  add(): void {
    this.#count += 1;
    this.#lastMs = this.#monoMs();
  }

  get count(): number {
    return this.#count;
  }

  /** How long ago it came last; null: never. */
  get agoMs(): number | null {
    return this.#lastMs === undefined ? null : Math.max(0, Math.round(this.#monoMs() - this.#lastMs));
  }
}
