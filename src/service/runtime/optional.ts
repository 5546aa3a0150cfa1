/** After a failure it is left alone for so long: a request must not pay for every try. */
const FIRST_REST_MS = 1000;
/** A failure after a failure doubles the rest up to this: what hangs costs whoever tries it its whole timeout. */
const LONGEST_REST_MS = 4000;

/** A dependency that makes things better while it answers and is not missed when it does not. */
export class Optional {
  readonly #monoMs: () => number;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #isTried = false;

  constructor(monoMs: () => number = () => performance.now()) {
    this.#monoMs = monoMs;
  }

  /**
   * The answer, or undefined when it failed now, or failed and rests. After its rest one question tries whether it is
   * back, while all others go on without it. Never throws.
   */
  async ask<T>(question: () => Promise<T>): Promise<T | undefined> {
    if (this.#monoMs() < this.#restUntilMs || this.#isTried) return undefined;
    const isTrial = this.#failures > 0;
    this.#isTried = isTrial;
    try {
      const answer = await question();
      if (isTrial) this.#failures = 0;
      return answer;
    } catch {
      // Those that were asked together fail together: that is one failure.
      if (isTrial || this.#failures === 0) this.#failed();
      return undefined;
    } finally {
      if (isTrial) this.#isTried = false;
    }
  }

  #failed(): void {
    this.#restUntilMs = this.#monoMs() + Math.min(FIRST_REST_MS * 2 ** this.#failures, LONGEST_REST_MS);
    this.#failures += 1;
  }
}
