/** Lets several tasks sleep until something changes. A wake-up that nobody waits for is remembered once. */
export class Signal {
  readonly #sleepers = new Set<() => void>();
  #pending = false;

  notify(): void {
    if (this.#sleepers.size === 0) this.#pending = true;
    for (const wake of this.#sleepers) wake();
  }

  /** Resolves at the next `notify`, at once when one came while nobody slept, or after `timeoutMs`. */
  async wait(timeoutMs: number): Promise<void> {
    if (this.#pending) {
      this.#pending = false;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    this.#sleepers.add(resolve);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#sleepers.delete(resolve);
    }
  }

  /** Sleeps the whole time, whatever is notified, unless `ended` turns true. */
  async pause(ms: number, ended: () => boolean): Promise<void> {
    const endsAtMs = performance.now() + ms;
    for (let leftMs = ms; leftMs > 0 && !ended(); leftMs = endsAtMs - performance.now())
      await this.wait(leftMs);
  }
}
