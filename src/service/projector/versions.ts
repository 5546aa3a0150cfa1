import { effectsOf, type ReservationState } from '../../contract/records.ts';
import type { ReadBatch } from './event.ts';

/** Key of a reservation: ids are looked for within their tenant alone. */
export const reservationKey = ({ tenant, id }: Pick<ReservationState, 'tenant' | 'id'>): string =>
  `${tenant}/${id}`;

/**
 * Reservations whose version in Postgres decides what becomes of these events: those that are changed before they are
 * made here. Pure.
 */
export function versionsWanted(batches: readonly ReadBatch[]): ReservationState[] {
  const made = new Set<string>();
  const wanted = new Map<string, ReservationState>();
  for (const { events } of batches) {
    for (const { event } of events) {
      if (event.kind !== 'decision' || event.replay !== undefined) continue;
      for (const effect of effectsOf(event.decision)) {
        const key = reservationKey(effect);
        if (effect.version === 1) made.add(key);
        else if (!made.has(key)) wanted.set(key, effect);
      }
    }
  }
  return [...wanted.values()];
}
