import type { EventHistory } from './checker-events.ts';
import type { ReadEntry } from './entries.ts';
import type { Stale, Visibility } from './verdicts.ts';

/**
 * Judges the looks at acknowledged operations. Only a look sent after the acknowledgement counts; one that saw less
 * than a look that had already come back *went back*; an operation that none of its looks saw is *never seen*. Seeing
 * it late is measured, not held against it: the projection is asynchronous by contract.
 */
export function judgeReads(
  events: ReadonlyMap<string, EventHistory>,
  looks: readonly ReadEntry[],
): { stale: Stale[]; visibility: Visibility } {
  const stale: Stale[] = [];
  const delaysMs: number[] = [];
  let operations = 0;
  for (const [eventId, own] of Map.groupBy(looks, (look) => look.event)) {
    const event = events.get(eventId);
    if (event?.state !== 'acknowledged') continue;
    const after = own.filter((look) => look.sentUs >= event.acknowledgedUs && look.seen !== 'noAnswer');
    if (after.length === 0) continue;
    operations += 1;
    stale.push(...wentBack(event, after));
    const seen = after.filter((look) => look.what === 'operation' && look.seen !== 'notFound');
    const last = after.at(-1);
    if (seen.length > 0)
      delaysMs.push((Math.min(...seen.map((look) => look.atUs)) - event.acknowledgedUs) / 1000);
    else if (last !== undefined) stale.push(staleOf(event, last, 'never seen'));
  }
  return { stale, visibility: { operations, seen: delaysMs.length, ...quantiles(delaysMs) } };
}

function wentBack(event: EventHistory, looks: readonly ReadEntry[]): Stale[] {
  const misses = looks.filter((look) => look.seen === 'notFound');
  return misses
    .filter((miss) => looks.some((look) => showsMoreThan(look, miss)))
    .map((miss) => staleOf(event, miss, 'went back'));
}

/** An accepted operation shows that its reservation is there too. */
function showsMoreThan(look: ReadEntry, miss: ReadEntry): boolean {
  if (look.atUs > miss.sentUs || look.seen === 'notFound') return false;
  return miss.what === 'operation' || look.what === 'reservation' || look.seen === 'accepted';
}

function staleOf(event: EventHistory, look: ReadEntry, kind: Stale['kind']): Stale {
  return {
    eventId: event.eventId,
    kind,
    what: look.what,
    acknowledgedUs: event.acknowledgedUs,
    readUs: look.sentUs,
    gateway: look.gateway,
  };
}

function quantiles(values: readonly number[]): Pick<Visibility, 'p50Ms' | 'p99Ms' | 'maxMs'> {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number | null =>
    sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null;
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}
