import type { ReservationState } from '../../contract/records.ts';
import { pack, unpack } from './packed.ts';

/** Reservations as they were when they were asked for, however the state goes on. */
export interface LiveView {
  readonly size: number;
  [Symbol.iterator](): Iterator<ReservationState>;
}

/**
 * The held and active reservations of a partition, by id: the bulk of what the fold remembers, for most of them wait for
 * days. So they are kept packed.
 */
export class Live {
  readonly #texts = new Map<string, string>();

  get size(): number {
    return this.#texts.size;
  }

  get(id: string): ReservationState | undefined {
    const text = this.#texts.get(id);
    return text === undefined ? undefined : unpack(id, text.split(' '));
  }

  set(reservation: ReservationState): void {
    this.#texts.set(reservation.id, pack(reservation));
  }

  delete(id: string): void {
    this.#texts.delete(id);
  }

  /** In no order that means anything. Costs two references for each, and no copy: texts never change. */
  view(): LiveView {
    const ids = [...this.#texts.keys()];
    const texts = [...this.#texts.values()];
    return {
      size: ids.length,
      *[Symbol.iterator]() {
        for (const [index, id] of ids.entries()) yield unpack(id, (texts[index] ?? '').split(' '));
      },
    };
  }
}
