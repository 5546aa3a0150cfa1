import { parkedReservations, type Sequence } from './checker-sequence.ts';
import type { EffectSeen, EventsRead, FinalReads, PostgresRead, ReservationRow } from './final-reads.ts';
import type { Lost, Projected } from './verdicts.ts';

/** What the log says about one reservation, oldest first. */
type Course = readonly EffectSeen[];

/**
 * Rows that are not what the last effect in the log made of the reservation, as far as that server says it has applied
 * the log. What is lost is named elsewhere, and is not named again here for its rows.
 */
export function findProjected(reads: FinalReads, sequence: Sequence, lost: readonly Lost[]): Projected[] {
  const { events } = reads;
  if (events === null) return [];
  const courses = Map.groupBy(sequence.effects, ({ reservation }) => reservation.id);
  const lostIds = new Set(
    lost.flatMap(({ eventId, reservation }) => (reservation === null ? [eventId] : [eventId, reservation])),
  );
  const found: Projected[] = [];
  for (const [name, server] of reads.postgres) {
    const parked = parkedReservations(sequence.effects, server);
    for (const [reservationId, course] of courses) {
      const hit = lostIds.has(reservationId) || course.some(({ eventId }) => lostIds.has(eventId ?? ''));
      if (hit || parked.has(reservationId)) continue;
      const what = differenceOf(course, server, events);
      if (what !== null) found.push({ server: name, reservationId, what });
    }
  }
  return found;
}

function differenceOf(course: Course, server: PostgresRead, events: EventsRead): string | null {
  const [first] = course;
  if (first === undefined) return null;
  const { id } = first.reservation;
  const through = server.decidedThrough.get(first.partition) ?? -1n;
  const wanted = course.findLast(({ commandOffset }) => commandOffset <= through);
  const row = server.byId.get(id)?.[0];
  if (row === undefined) return wanted === undefined ? null : `no row, decided through ${through}`;
  if (wanted !== undefined && row.version < wanted.reservation.version)
    return `version ${row.version}, the log has ${wanted.reservation.version}, decided through ${through}`;
  const same = course.find(({ reservation }) => reservation.version === row.version);
  if (same !== undefined) return rowDifference(row, same);
  // It has applied more than was read of the log: holds go on ending.
  const atMost = server.decidedAfter.get(first.partition) ?? through;
  if (atMost > (events.decidedThrough.get(first.partition) ?? -1n)) return null;
  return `version ${row.version}, which the log does not have`;
}

function rowDifference(row: ReservationRow, { reservation }: EffectSeen): string | null {
  const { status, quantity, slot, resource } = reservation;
  const logged = [status, quantity, resource, Date.parse(slot.start), Date.parse(slot.end)];
  const shown = [row.status, row.quantity, row.resource, row.slotStartMs, row.slotEndMs];
  if (logged.every((value, at) => value === shown[at])) return null;
  return `version ${row.version} is ${shown.join(' ')}, in the log ${logged.join(' ')}`;
}
