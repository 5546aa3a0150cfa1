import { setTimeout as delay } from 'node:timers/promises';

/** An operation of a tenant. */
export interface Awaited {
  readonly tenant: string;
  readonly operationId: string;
}

export interface DecisionWaiterOptions<D> {
  /** What the projection has of these operations, by `awaitedKey`: one query for all. */
  readonly look: (wanted: readonly Awaited[]) => Promise<ReadonlyMap<string, D>>;
  readonly tickMs: number;
  readonly maxWaiting: number;
  readonly onLookFailed: (error: unknown) => void;
}

export const awaitedKey = ({ tenant, operationId }: Awaited): string => `${tenant}/${operationId}`;

interface Waiting<D> {
  readonly of: Awaited;
  readonly end: (decided: D | undefined) => void;
}

/**
 * Waits for decisions. However many wait, the projection is asked once per tick, and never again before it has answered.
 */
export class DecisionWaiter<D> {
  readonly #options: DecisionWaiterOptions<D>;
  readonly #waiting = new Set<Waiting<D>>();
  #runs = false;
  #stopped = false;

  constructor(options: DecisionWaiterOptions<D>) {
    this.#options = options;
  }

  /** Whether one more may wait. */
  get hasRoom(): boolean {
    return !this.#stopped && this.#waiting.size < this.#options.maxWaiting;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** The decision, or undefined: not within the time, nobody waits any more (`gone`), or the gateway drains. */
  async wait(of: Awaited, timeoutMs: number, gone: AbortSignal): Promise<D | undefined> {
    if (!this.hasRoom || gone.aborted) return undefined;
    const { promise, resolve } = Promise.withResolvers<D | undefined>();
    const giveUp = (): void => resolve(undefined);
    const timer = setTimeout(giveUp, timeoutMs);
    gone.addEventListener('abort', giveUp, { once: true });
    const waiting: Waiting<D> = { of, end: resolve };
    this.#waiting.add(waiting);
    if (!this.#runs) void this.#run();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      gone.removeEventListener('abort', giveUp);
      this.#waiting.delete(waiting);
    }
  }

  /** From now on nobody waits. */
  stop(): void {
    this.#stopped = true;
    for (const each of this.#waiting) each.end(undefined);
  }

  /** Runs while somebody waits. Never rejects. */
  async #run(): Promise<void> {
    this.#runs = true;
    while (this.#waiting.size > 0) {
      await delay(this.#options.tickMs);
      await this.#look();
    }
    this.#runs = false;
  }

  async #look(): Promise<void> {
    const wanted = new Map([...this.#waiting].map(({ of }) => [awaitedKey(of), of] as const));
    if (wanted.size === 0) return;
    try {
      const found = await this.#options.look([...wanted.values()]);
      for (const each of this.#waiting) {
        const decided = found.get(awaitedKey(each.of));
        if (decided !== undefined) each.end(decided);
      }
    } catch (error) {
      this.#options.onLookFailed(error);
    }
  }
}
