import type { DecisionKind, ReservationStatus } from '../contract/records.ts';
import type { EventHistory } from './checker-events.ts';
import type { DecisionSeen, FinalReads, PostgresRead } from './final-reads.ts';
import type { LoadVerb } from './stories.ts';
import type { Disagreement } from './verdicts.ts';

/** What was decided about an event id, and for which command. */
export interface FirstDecision {
  readonly decision: DecisionKind;
  readonly commandOffset: bigint;
  readonly partition: number;
  readonly reservationId: string | null;
  /** The reservation as it was after it; null where there is none. */
  readonly reservation: DecisionSeen['reservation'];
}

/** The decision that counts: the first one in the log; a lone `repeated` tells what the first one was. */
export function firstDecision(decisions: readonly DecisionSeen[]): FirstDecision | null {
  const own = decisions.find((seen) => seen.decision !== 'repeated');
  const seen = own ?? decisions[0];
  if (seen === undefined) return null;
  const { partition, reservation } = seen;
  const at = { partition, reservation, reservationId: reservation?.id ?? null };
  if (own !== undefined || seen.first === null)
    return { ...at, decision: seen.decision, commandOffset: seen.commandOffset };
  return { ...at, decision: seen.first.decision, commandOffset: seen.first.commandOffset };
}

/** Sources that tell another story about an event than the first decision in the events log. */
export function findDisagreements(
  eventId: string,
  reads: FinalReads,
  decision: FirstDecision | null,
): Disagreement[] {
  if (decision === null) return [];
  const found: Disagreement[] = [];
  const compare = (where: string, said: DecisionKind | undefined, reservationId: string | null): void => {
    if (said === undefined) return;
    const differs =
      said !== decision.decision || (said === 'accepted' && reservationId !== decision.reservationId);
    if (!differs) return;
    const detail = `says ${said} ${reservationId ?? ''}, the events log ${decision.decision} ${decision.reservationId ?? ''}`;
    found.push({ eventId, where, detail });
  };
  for (const [name, server] of reads.postgres) compareServer(name, server, eventId, decision, compare);
  const answer = reads.api?.answers.get(eventId);
  if (answer?.kind === 'operation') compare('API', answer.decision, answer.reservationId);
  return found;
}

function compareServer(
  name: string,
  server: PostgresRead,
  eventId: string,
  decision: FirstDecision,
  compare: (where: string, said: DecisionKind | undefined, reservationId: string | null) => void,
): void {
  const operation = server.operations.get(eventId)?.[0];
  compare(name, operation?.decision, operation?.reservationId ?? null);
  const row = server.reservations.get(eventId)?.[0];
  if (row !== undefined && row.reservationId !== decision.reservationId)
    compare(`${name} (reservation)`, 'accepted', row.reservationId);
}

/** The status a reservation has once it was asked for so; a change leaves it held or active. */
const STATUS_AFTER: Readonly<Record<LoadVerb, readonly ReservationStatus[]>> = {
  create: ['active'],
  hold: ['held'],
  confirm: ['active'],
  change: ['held', 'active'],
  cancel: ['cancelled'],
};

/** An accepted operation whose effect is none that was asked for, or on another reservation. */
export function findWrongEffect(event: EventHistory, decision: FirstDecision | null): Disagreement[] {
  const after = decision?.reservation;
  if (decision?.decision !== 'accepted' || after == null) return [];
  const rightOne =
    event.reservation === null ? after.version === 1 : after.id === event.reservation && after.version > 1;
  if (rightOne && STATUS_AFTER[event.verb].includes(after.status)) return [];
  const asked = `${event.verb}${event.reservation === null ? '' : ` of ${event.reservation}`}`;
  const detail = `${asked} was accepted as ${after.status} ${after.id}, version ${after.version}`;
  return [{ eventId: event.eventId, where: 'events log', detail }];
}
