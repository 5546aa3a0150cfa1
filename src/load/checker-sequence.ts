import type { EffectSeen, FinalReads } from './final-reads.ts';
import type { OutOfOrder } from './verdicts.ts';

/** What happened to reservations, each thing once, and the steps of it that cannot be. */
export interface Sequence {
  /** In the order of the log within a partition; an effect that was only written again is left out. */
  readonly effects: readonly EffectSeen[];
  /** Versions of one reservation that do not go 1, 2, 3, … */
  readonly broken: readonly OutOfOrder[];
}

/** Follows every reservation through the events log. */
export function sequenceOf(reads: FinalReads): Sequence {
  const effects: EffectSeen[] = [];
  const broken: OutOfOrder[] = [];
  const written = new Set<string>();
  const last = new Map<string, EffectSeen>();
  for (const effect of reads.events?.effects ?? []) {
    const { id, version, resource } = effect.reservation;
    const key = `${effect.partition}/${effect.commandOffset}/${id}/${version}`;
    if (written.has(key)) continue;
    written.add(key);
    effects.push(effect);
    const before = last.get(id);
    const expected = (before?.reservation.version ?? 0) + 1;
    if (version !== expected) {
      const detail = `reservation ${id} has version ${version} at ${effect.eventOffset}, expected ${expected}`;
      const earlier = nameOf(before ?? effect);
      broken.push({ kind: 'versions', resource, earlier, later: nameOf(effect), detail });
    }
    last.set(id, effect);
  }
  return { effects, broken };
}

/** The operation behind an effect; the end of a hold has none. */
function nameOf({ eventId, reservation }: EffectSeen): string {
  return eventId ?? `end of ${reservation.id}`;
}

/** Reservations of which a server has put an event aside: what it holds of them is older than the log on purpose. */
export function parkedReservations(
  effects: readonly EffectSeen[],
  server: { readonly parked: ReadonlySet<string>; readonly parkedAt: ReadonlySet<string> },
): ReadonlySet<string> {
  if (server.parked.size === 0 && server.parkedAt.size === 0) return new Set();
  const parked = effects.filter(({ eventId, partition, eventOffset }) =>
    eventId === null ? server.parkedAt.has(`${partition}/${eventOffset}`) : server.parked.has(eventId),
  );
  return new Set(parked.map(({ reservation }) => reservation.id));
}
