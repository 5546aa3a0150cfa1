/** After a failure it is left alone for so long: a request must not pay for every try. */
const REST_MS = 1000;

/** A dependency that makes things better while it answers and is not missed when it does not. */
export class Optional {
  readonly #monoMs: () => number;
  #restUntilMs = Number.NEGATIVE_INFINITY;

  constructor(monoMs: () => number = () => performance.now()) {
    this.#monoMs = monoMs;
  }

  /** The answer, or undefined when it failed now or less than a second ago. Never throws. */
  async ask<T>(question: () => Promise<T>): Promise<T | undefined> {
    if (this.#monoMs() < this.#restUntilMs) return undefined;
    try {
      return await question();
    } catch {
      this.#restUntilMs = this.#monoMs() + REST_MS;
      return undefined;
    }
  }
}
