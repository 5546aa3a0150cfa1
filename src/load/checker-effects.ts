import { firstDecision } from './checker-decision.ts';
import type { EventHistory } from './checker-events.ts';
import type { ReadEntry } from './entries.ts';
import type { DecisionSeen, FinalReads } from './final-reads.ts';
import type { Disagreement, Duplicate, Phantom, Repeated } from './verdicts.ts';

type Events = ReadonlyMap<string, EventHistory>;

/** Two effects of one event id: two rows, two accepted decisions, or two decisions of different outcome. */
export function findDuplicates(events: Events, reads: FinalReads, looks: readonly ReadEntry[]): Duplicate[] {
  const found: Duplicate[] = [];
  for (const [eventId, decisions] of reads.events?.decisions ?? []) {
    const effects = new Set(decisions.flatMap(effectOf));
    if (effects.size > 1) found.push({ eventId, where: 'events log', what: [...effects].join(', ') });
  }
  for (const [name, server] of reads.postgres) {
    for (const [eventId, rows] of server.reservations) {
      if (rows.length > 1)
        found.push({
          eventId,
          where: name,
          what: `${rows.length} reservations: ${rows.map((row) => row.reservationId).join(', ')}`,
        });
    }
    for (const [eventId, rows] of server.operations) {
      const ours = events.has(eventId) || server.reservations.has(eventId);
      if (ours && rows.length > 1)
        found.push({
          eventId,
          where: name,
          what: `${rows.length} operations: ${rows.map((row) => row.decision).join(', ')}`,
        });
    }
  }
  return [...found, ...contradictions(looks)];
}

/**
 * What a decision puts into effect. Two acceptances at different command offsets hold capacity twice even under one
 * reservation id; the same decision written again for the same command, or the same refusal, is a mere repetition.
 */
function effectOf(seen: DecisionSeen): string[] {
  if (seen.decision === 'repeated') return [];
  if (seen.decision !== 'accepted') return [seen.decision];
  return [`accepted ${seen.reservation?.id ?? '?'} for command ${seen.commandOffset}`];
}

/** Reads of one operation that saw two different decisions. */
function contradictions(looks: readonly ReadEntry[]): Duplicate[] {
  const seen = new Map<string, Set<string>>();
  for (const look of looks) {
    if (look.what !== 'operation' || look.seen === 'notFound' || look.seen === 'noAnswer') continue;
    const decisions = seen.get(look.event) ?? new Set();
    seen.set(look.event, decisions.add(look.seen));
  }
  const several = [...seen].filter(([, decisions]) => decisions.size > 1);
  return several.map(([eventId, decisions]) => ({
    eventId,
    where: 'reads',
    what: [...decisions].join(', '),
  }));
}

/** Event ids that stand more than once in a topic. */
export function findRepeated(reads: FinalReads): Repeated[] {
  const found: Repeated[] = [];
  for (const [eventId, positions] of reads.commands?.positions ?? []) {
    if (positions.length > 1) found.push({ eventId, topic: 'commands', times: positions.length });
  }
  for (const [eventId, decisions] of reads.events?.decisions ?? []) {
    if (decisions.length > 1) found.push({ eventId, topic: 'events', times: decisions.length });
  }
  return found;
}

/** A `repeated` that reports another first decision than the log holds. */
export function findFalseRepeats(reads: FinalReads): Disagreement[] {
  const found: Disagreement[] = [];
  for (const [eventId, decisions] of reads.events?.decisions ?? []) {
    const first = firstDecision(decisions);
    for (const seen of decisions) {
      if (first === null || seen.decision !== 'repeated' || seen.first === null) continue;
      if (seen.first.decision === first.decision && seen.first.commandOffset === first.commandOffset)
        continue;
      const detail = `repeated at ${seen.commandOffset} names ${seen.first.decision} at ${seen.first.commandOffset}, the first decision is ${first.decision} at ${first.commandOffset}`;
      found.push({ eventId, where: 'events log', detail });
    }
  }
  return found;
}

/** Effects in this tenant that nobody asked for, or of operations that were certainly refused. */
export function findPhantoms(events: Events, reads: FinalReads): Phantom[] {
  const places = new Map<string, Set<string>>();
  const note = (eventId: string, where: string): void => {
    if (events.has(eventId) && events.get(eventId)?.state !== 'refused') return;
    const set = places.get(eventId) ?? new Set();
    places.set(eventId, set.add(where));
  };
  for (const eventId of reads.commands?.positions.keys() ?? []) note(eventId, 'commands log');
  for (const [eventId, decisions] of reads.events?.decisions ?? []) {
    if (events.has(eventId) || decisions.some((seen) => seen.ours)) note(eventId, 'events log');
  }
  for (const [name, server] of reads.postgres) {
    for (const eventId of server.reservations.keys()) note(eventId, name);
    // The view has no tenant: an operation is ours only when something else says so.
    for (const eventId of server.operations.keys()) if (events.has(eventId)) note(eventId, name);
  }
  for (const [eventId, answer] of reads.api?.answers ?? [])
    if (answer.kind === 'operation') note(eventId, 'API');
  return [...places].map(([eventId, where]) => ({
    eventId,
    why: events.has(eventId) ? 'refused' : 'never invoked',
    where: [...where],
  }));
}
