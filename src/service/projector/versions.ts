import { effectsOf, type ReservationState } from '../../contract/records.ts';
import type { ReadBatch } from './event.ts';

/** Key of a reservation: ids are looked for within their tenant alone. */
export const reservationKey = ({ tenant, id }: Pick<ReservationState, 'tenant' | 'id'>): string =>
  `${tenant}/${id}`;

/**
 * Reservations whose version in Postgres decides what becomes of these events: all that are changed. Those that are made
 * here as well are among them: that record may be a second copy of one that was applied long ago (S1), which makes nothing,
 * and a change whose version nobody knows would be put aside. Pure.
 */
export function versionsWanted(batches: readonly ReadBatch[]): ReservationState[] {
  const wanted = new Map<string, ReservationState>();
  for (const { events } of batches) {
    for (const { event } of events) {
      if (event.kind !== 'decision' || event.replay !== undefined) continue;
      for (const effect of effectsOf(event.decision))
        if (effect.version !== 1) wanted.set(reservationKey(effect), effect);
    }
  }
  return [...wanted.values()];
}
