import type { Decision } from '../../contract/records.ts';
import { REMEMBER_MS } from './rules.ts';

/** What the first decision of an event id was; a repeated command answers it again. */
export interface First {
  readonly commandOffset: string;
  readonly decision: 'accepted' | 'rejected' | 'expired';
  readonly logTimeMs: number;
  readonly reservation: Decision['reservation'];
}

const COMPACT_AT = 4096;

/** First decisions by event id, for as long as a copy of their command could still be decided (S9). */
export class Firsts {
  readonly #byId = new Map<string, First>();
  /** Event ids in the order they were first decided; those before `#forgotten` are dropped. Log time only rises. */
  readonly #order: string[] = [];
  #forgotten = 0;

  add(eventId: string, first: First): void {
    this.#byId.set(eventId, first);
    this.#order.push(eventId);
  }

  /** The first decision of an event id that still counts at this log time, whether or not it was dropped already. */
  at(eventId: string, logTimeMs: number): First | undefined {
    const first = this.#byId.get(eventId);
    return first === undefined || isForgotten(first, logTimeMs) ? undefined : first;
  }

  /** Those that still count at this log time, in the order they were decided. */
  *all(logTimeMs: number): Generator<readonly [eventId: string, first: First]> {
    for (let index = this.#forgotten; index < this.#order.length; index += 1) {
      const eventId = this.#order[index] ?? '';
      const first = this.at(eventId, logTimeMs);
      if (first !== undefined) yield [eventId, first];
    }
  }

  /** Drops what does not count any more. */
  forget(logTimeMs: number): void {
    for (;;) {
      const eventId = this.#order[this.#forgotten];
      const first = eventId === undefined ? undefined : this.#byId.get(eventId);
      if (eventId === undefined || first === undefined || !isForgotten(first, logTimeMs)) break;
      this.#byId.delete(eventId);
      this.#forgotten += 1;
    }
    if (this.#forgotten < COMPACT_AT || this.#forgotten * 2 < this.#order.length) return;
    this.#order.splice(0, this.#forgotten);
    this.#forgotten = 0;
  }
}

function isForgotten(first: First, logTimeMs: number): boolean {
  return first.logTimeMs < logTimeMs - REMEMBER_MS;
}
