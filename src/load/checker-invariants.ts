import type { EventHistory } from './checker-events.ts';
import type { DecisionSeen, FinalReads } from './final-reads.ts';
import type { OutOfOrder, Oversold } from './verdicts.ts';

/** An accepted reservation as the capacity rule sees it. */
interface Holding {
  readonly eventId: string;
  readonly resource: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly quantity: number;
}

/** Resources that hold more than their capacity at some moment, per source; the worst moment of each. */
export function findOversold(
  reads: FinalReads,
  capacityOf: (resource: string) => number | undefined,
): { oversold: Oversold[]; unknown: string[] } {
  const oversold: Oversold[] = [];
  const unknown = new Set<string>();
  for (const [source, holdings] of holdingsBySource(reads)) {
    for (const [resource, held] of byResource(holdings)) {
      const capacity = capacityOf(resource);
      if (capacity === undefined) unknown.add(resource);
      const peak = peakOf(held);
      if (capacity !== undefined && peak !== null && peak.held > capacity)
        oversold.push({ source, resource, capacity, ...peak });
    }
  }
  return { oversold, unknown: [...unknown] };
}

function holdingsBySource(reads: FinalReads): Map<string, Holding[]> {
  const sources = new Map<string, Holding[]>();
  if (reads.events !== null)
    sources.set(
      'events log',
      [...reads.events.decisions].flatMap(([eventId, decisions]) => acceptedOf(eventId, decisions)),
    );
  for (const [name, server] of reads.postgres) {
    const active = [...server.reservations.values()].flat().filter((row) => row.status === 'active');
    sources.set(
      name,
      active.map(({ eventId, resource, slotStartMs, slotEndMs, quantity }) => ({
        eventId,
        resource,
        startMs: slotStartMs,
        endMs: slotEndMs,
        quantity,
      })),
    );
  }
  return sources;
}

/** One holding per reservation id: the same decision written twice holds once. */
function acceptedOf(eventId: string, decisions: readonly DecisionSeen[]): Holding[] {
  const holdings = new Map<string, Holding>();
  for (const { decision, reservation } of decisions) {
    if (decision !== 'accepted' || reservation === null) continue;
    const { id, resource, quantity, slot } = reservation;
    holdings.set(id, {
      eventId,
      resource,
      quantity,
      startMs: Date.parse(slot.start),
      endMs: Date.parse(slot.end),
    });
  }
  return [...holdings.values()];
}

function byResource(holdings: readonly Holding[]): Map<string, Holding[]> {
  return Map.groupBy(holdings, (holding) => holding.resource);
}

interface Peak {
  readonly atMs: number;
  readonly held: number;
  readonly eventIds: readonly string[];
}

/** The moment at which most is held. Slots are half-open: one that ends when another begins does not overlap it. */
function peakOf(holdings: readonly Holding[]): Peak | null {
  const edges = holdings.flatMap((holding) => [
    { atMs: holding.startMs, change: holding.quantity },
    { atMs: holding.endMs, change: -holding.quantity },
  ]);
  edges.sort((a, b) => a.atMs - b.atMs || a.change - b.change);
  let held = 0;
  let peak: { atMs: number; held: number } | null = null;
  for (const edge of edges) {
    held += edge.change;
    if (peak === null || held > peak.held) peak = { atMs: edge.atMs, held };
  }
  if (peak === null) return null;
  const { atMs } = peak;
  const eventIds = holdings
    .filter((holding) => holding.startMs <= atMs && atMs < holding.endMs)
    .map((holding) => holding.eventId);
  return { ...peak, eventIds };
}

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
