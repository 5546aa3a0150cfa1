/** What became of spans: taken by the collector, not taken in time, or never queued because too many waited. */
export type SpanFate = 'exported' | 'failed' | 'dropped';

export interface QueueGuardOptions {
  readonly max: number;
  readonly onFate: (fate: SpanFate, spans: number) => void;
}

/**
 * Bounds the spans in memory from their end until the collector's answer, those on their way included, and says what
 * became of each. The SDK's own queue is bounded too, but does not tell what it drops.
 */
export class QueueGuard {
  readonly #options: QueueGuardOptions;
  #waiting = 0;
  #closed = false;

  constructor(options: QueueGuardOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Whether one more may be queued; if not it counts as dropped. */
  admit(): boolean {
    if (this.#closed || this.#waiting >= this.#options.max) {
      this.#options.onFate('dropped', 1);
      return false;
    }
    this.#waiting += 1;
    return true;
  }

  settled(spans: number, exported: boolean): void {
    this.#waiting -= spans;
    this.#options.onFate(exported ? 'exported' : 'failed', spans);
  }

  /** From now on nothing is admitted. */
  close(): void {
    this.#closed = true;
  }
}
