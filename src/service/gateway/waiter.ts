import type { Operation } from '../../contract/http.ts';

/** An operation somebody waits for. */
export interface Awaited {
  readonly tenant: string;
  readonly operationId: string;
}

export interface WaiterDeps {
  /** Decisions of those that are decided, by `awaitedKey`; one query for all of them. */
  readonly ask: (awaited: readonly Awaited[]) => Promise<ReadonlyMap<string, Operation>>;
  readonly tickMs: number;
  /** More than these are not waited for: they are answered 202 at once. */
  readonly maxWaiting: number;
  readonly onFailed: (error: unknown) => void;
}

interface Waiting extends Awaited {
  readonly settle: (operation: Operation | undefined) => void;
}

export const awaitedKey = ({ tenant, operationId }: Awaited): string => `${tenant}/${operationId}`;

/**
 * Waits for decisions on behalf of all requests of a gateway: once per tick it asks the projection for all of them in one
 * query, however many wait. Ticks only while somebody waits, and never two at once.
 */
export class DecisionWaiter {
  readonly #deps: WaiterDeps;
  readonly #waiting = new Set<Waiting>();
  #timer: NodeJS.Timeout | undefined;
  #asking = false;

  constructor(deps: WaiterDeps) {
    this.#deps = deps;
  }

  /** The decision, or undefined when it was not seen within `timeoutMs` or before the signal. Never rejects. */
  wait(awaited: Awaited, timeoutMs: number, signal: AbortSignal): Promise<Operation | undefined> {
    const { maxWaiting, tickMs } = this.#deps;
    if (signal.aborted || this.#waiting.size >= maxWaiting) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const end = (): void => waiting.settle(undefined);
      const timer = setTimeout(end, timeoutMs);
      const waiting: Waiting = {
        ...awaited,
        settle: (operation) => {
          clearTimeout(timer);
          signal.removeEventListener('abort', end);
          this.#waiting.delete(waiting);
          if (this.#waiting.size === 0) this.#rest();
          resolve(operation);
        },
      };
      signal.addEventListener('abort', end, { once: true });
      this.#waiting.add(waiting);
      this.#timer ??= setInterval(() => void this.tick(), tickMs);
    });
  }

  /** Nobody is waited for any more: all are told so. */
  stop(): void {
    for (const waiting of this.#waiting) waiting.settle(undefined);
  }

  /** Asks for all that wait. */
  async tick(): Promise<void> {
    if (this.#asking || this.#waiting.size === 0) return;
    this.#asking = true;
    const asked = [...this.#waiting];
    try {
      const decided = await this.#deps.ask(asked);
      for (const waiting of asked) {
        const operation = decided.get(awaitedKey(waiting));
        if (operation !== undefined) waiting.settle(operation);
      }
    } catch (error) {
      this.#deps.onFailed(error);
    } finally {
      this.#asking = false;
    }
  }

  #rest(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
