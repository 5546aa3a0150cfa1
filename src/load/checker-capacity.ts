import { parkedReservations, type Sequence } from './checker-sequence.ts';
import type { FinalReads, PostgresRead } from './final-reads.ts';
import type { Oversold } from './verdicts.ts';

/** A live reservation as the capacity rule sees it: held or active. */
interface Holding {
  readonly eventId: string;
  readonly resource: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly quantity: number;
}

interface Peak {
  readonly atMs: number;
  readonly held: number;
  readonly eventIds: readonly string[];
}

/** The worst moment of a resource. */
type Worst = Map<string, Peak>;

/**
 * Resources that hold more than their capacity, per source. The log is followed effect by effect: after each, what is
 * live at that point of the log must fit. A server is judged by what it shows as live.
 */
export function findOversold(
  reads: FinalReads,
  sequence: Sequence,
  capacityOf: (resource: string) => number | undefined,
): { oversold: Oversold[]; unknown: string[] } {
  const oversold: Oversold[] = [];
  const unknown = new Set<string>();
  const judgeWorst = (source: string, worst: Worst): void => {
    for (const [resource, peak] of worst) {
      const capacity = capacityOf(resource);
      if (capacity === undefined) unknown.add(resource);
      else if (peak.held > capacity) oversold.push({ source, resource, capacity, ...peak });
    }
  };
  if (reads.events !== null) judgeWorst('events log', worstOf(sequence));
  for (const [name, server] of reads.postgres) judgeWorst(name, worstShown(server, sequence));
  return { oversold, unknown: [...unknown] };
}

const isLive = (status: string): boolean => status === 'held' || status === 'active';

function worstOf({ effects }: Sequence): Worst {
  const worst: Worst = new Map();
  const live = new Map<string, Map<string, Holding>>();
  for (const { eventId, reservation } of effects) {
    const { id, resource, slot, quantity, status } = reservation;
    const holdings = live.get(resource) ?? new Map<string, Holding>();
    live.set(resource, holdings);
    holdings.delete(id);
    if (!isLive(status)) continue;
    const [startMs, endMs] = [Date.parse(slot.start), Date.parse(slot.end)];
    const own = { eventId: eventId ?? id, resource, quantity, startMs, endMs };
    holdings.set(id, own);
    const beside = [...holdings.values()].filter((other) => other.startMs < endMs && startMs < other.endMs);
    keepWorse(worst, resource, peakOf(beside));
  }
  return worst;
}

function worstShown(server: PostgresRead, { effects }: Sequence): Worst {
  const worst: Worst = new Map();
  const parked = parkedReservations(effects, server);
  const live = [...server.reservations.values()]
    .flat()
    .filter(({ reservationId, status }) => isLive(status) && !parked.has(reservationId));
  for (const [resource, rows] of Map.groupBy(live, (row) => row.resource)) {
    const holdings = rows.map(
      ({ eventId, slotStartMs, slotEndMs, quantity }): Holding => ({
        eventId,
        resource,
        startMs: slotStartMs,
        endMs: slotEndMs,
        quantity,
      }),
    );
    keepWorse(worst, resource, peakOf(holdings));
  }
  return worst;
}

function keepWorse(worst: Worst, resource: string, peak: Peak | null): void {
  const before = worst.get(resource);
  if (peak !== null && (before === undefined || peak.held > before.held)) worst.set(resource, peak);
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
