import type { Decision } from '../../contract/records.ts';
import { PACKED_FIELDS, pack, unpack } from './packed.ts';
import { REMEMBER_MS } from './rules.ts';

/** What the first decision of an event id was; a repeated command answers it again. */
export interface First {
  readonly commandOffset: string;
  readonly decision: 'accepted' | 'rejected' | 'expired';
  readonly logTimeMs: number;
  readonly reservation: Decision['reservation'];
}

/** First decisions as they were when they were asked for, in the order of their decisions. */
export interface FirstsView {
  readonly size: number;
  [Symbol.iterator](): Iterator<readonly [eventId: string, first: First]>;
}

const COMPACT_AT = 4096;

/** First decisions by event id, packed, for as long as a copy of their command could still be decided (S9). */
export class Firsts {
  readonly #byId = new Map<string, string>();
  /** Event ids in the order they were first decided; those before `#forgotten` are dropped. Log time only rises. */
  readonly #order: string[] = [];
  #forgotten = 0;

  add(eventId: string, first: First): void {
    this.#byId.set(eventId, packFirst(first));
    this.#order.push(eventId);
  }

  /** The first decision of an event id that still counts at this log time, whether or not it was dropped already. */
  at(eventId: string, logTimeMs: number): First | undefined {
    const text = this.#byId.get(eventId);
    return text === undefined || isForgotten(text, logTimeMs) ? undefined : unpackFirst(text);
  }

  /** Those that still count at this log time. Costs two references for each, and no copy: texts never change. */
  view(logTimeMs: number): FirstsView {
    const ids = this.#order
      .slice(this.#forgotten)
      .filter((eventId) => !isForgotten(this.#byId.get(eventId) ?? '', logTimeMs));
    const texts = ids.map((eventId) => this.#byId.get(eventId) ?? '');
    return {
      size: ids.length,
      *[Symbol.iterator]() {
        for (const [index, eventId] of ids.entries())
          yield [eventId, unpackFirst(texts[index] ?? '')] as const;
      },
    };
  }

  /** Drops what does not count any more. */
  forget(logTimeMs: number): void {
    for (;;) {
      const eventId = this.#order[this.#forgotten];
      const text = eventId === undefined ? undefined : this.#byId.get(eventId);
      if (eventId === undefined || text === undefined || !isForgotten(text, logTimeMs)) break;
      this.#byId.delete(eventId);
      this.#forgotten += 1;
    }
    if (this.#forgotten < COMPACT_AT || this.#forgotten * 2 < this.#order.length) return;
    this.#order.splice(0, this.#forgotten);
    this.#forgotten = 0;
  }
}

/** The log time stands first: to know whether it counts, nothing else of it is read. */
function isForgotten(text: string, logTimeMs: number): boolean {
  return Number.parseInt(text, 10) < logTimeMs - REMEMBER_MS;
}

function packFirst({ logTimeMs, commandOffset, decision, reservation }: First): string {
  const head = [logTimeMs, commandOffset, decision];
  return (reservation === null ? head : [...head, pack(reservation), reservation.id]).join(' ');
}

function unpackFirst(text: string): First {
  const [logTimeMs, commandOffset = '', word, ...fields] = text.split(' ');
  return {
    commandOffset,
    decision: word === 'accepted' || word === 'rejected' ? word : 'expired',
    logTimeMs: Number(logTimeMs),
    reservation: fields.length === 0 ? null : unpack(fields.slice(PACKED_FIELDS).join(' '), fields),
  };
}
