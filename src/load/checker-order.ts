import type { EventHistory } from './checker-events.ts';
import type { DecisionSeen, FinalReads } from './final-reads.ts';
import type { OutOfOrder } from './verdicts.ts';

/** Order per key, as the decisions show it and as clients could see it. */
export function findOutOfOrder(events: ReadonlyMap<string, EventHistory>, reads: FinalReads): OutOfOrder[] {
  return [...decisionOrder(events, reads), ...acknowledgementOrder(events, reads)];
}

/** Decisions of one key must come in the order of their commands; a decision written again is not a step back. */
function decisionOrder(events: ReadonlyMap<string, EventHistory>, reads: FinalReads): OutOfOrder[] {
  const byKey = new Map<string, { eventId: string; seen: DecisionSeen }[]>();
  for (const [eventId, decisions] of reads.events?.decisions ?? []) {
    const resource = events.get(eventId)?.resource;
    if (resource === undefined) continue;
    const list = byKey.get(resource) ?? [];
    for (const seen of decisions) list.push({ eventId, seen });
    byKey.set(resource, list);
  }
  const found: OutOfOrder[] = [];
  for (const [resource, list] of byKey) {
    list.sort((a, b) => compare(a.seen.eventOffset, b.seen.eventOffset));
    const known = new Set<bigint>();
    let highest: { eventId: string; seen: DecisionSeen } | undefined;
    for (const item of list) {
      const { commandOffset, eventOffset } = item.seen;
      if (highest !== undefined && commandOffset < highest.seen.commandOffset && !known.has(commandOffset)) {
        const detail = `command ${commandOffset} is decided at ${eventOffset}, after command ${highest.seen.commandOffset}`;
        found.push({ kind: 'decisions', resource, earlier: item.eventId, later: highest.eventId, detail });
      }
      known.add(commandOffset);
      if (highest === undefined || commandOffset > highest.seen.commandOffset) highest = item;
    }
  }
  return found;
}

interface Placed {
  readonly event: EventHistory;
  readonly offset: bigint;
}

/** B asked for after A was acknowledged, same key: A must stand before B in the log. One pass in log order. */
function acknowledgementOrder(events: ReadonlyMap<string, EventHistory>, reads: FinalReads): OutOfOrder[] {
  const byKey = new Map<string, Placed[]>();
  for (const event of events.values()) {
    const offset = reads.commands?.positions.get(event.eventId)?.[0]?.offset;
    if (offset === undefined) continue;
    const list = byKey.get(event.resource) ?? [];
    list.push({ event, offset });
    byKey.set(event.resource, list);
  }
  const found: OutOfOrder[] = [];
  for (const [resource, list] of byKey) {
    list.sort((a, b) => compare(a.offset, b.offset));
    let latest: Placed | undefined;
    for (const placed of list) {
      // NaN (not acknowledged) compares false.
      if (latest !== undefined && latest.event.firstSentUs > placed.event.acknowledgedUs) {
        const detail = `${latest.event.eventId} was sent after the acknowledgement but stands at ${latest.offset}, before ${placed.offset}`;
        found.push({
          kind: 'acknowledgements',
          resource,
          earlier: placed.event.eventId,
          later: latest.event.eventId,
          detail,
        });
      }
      if (latest === undefined || placed.event.firstSentUs > latest.event.firstSentUs) latest = placed;
    }
  }
  return found;
}

function compare(a: bigint, b: bigint): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
