import type { DecisionKind } from '../contract/records.ts';
import type { DecisionSeen, FinalReads, PostgresRead } from './final-reads.ts';
import type { Disagreement } from './verdicts.ts';

/** What was decided about an event id, and for which command. */
export interface FirstDecision {
  readonly decision: DecisionKind;
  readonly commandOffset: bigint;
  readonly partition: number;
  readonly reservationId: string | null;
}

/** The decision that counts: the first one in the log; a lone `repeated` tells what the first one was. */
export function firstDecision(decisions: readonly DecisionSeen[]): FirstDecision | null {
  const own = decisions.find((seen) => seen.decision !== 'repeated');
  const seen = own ?? decisions[0];
  if (seen === undefined) return null;
  const reservationId = seen.reservation?.id ?? null;
  const at = { partition: seen.partition, reservationId };
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
