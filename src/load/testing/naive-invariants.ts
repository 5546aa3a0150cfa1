import { type Ack, decisionLog, decisionsOf, has, placesOf } from './naive-lookups.ts';
import type { World } from './world.ts';

/** Capacity and order, asked of the flat lists moment by moment and pair by pair. */
export function oversold(world: World): string[] {
  const sources: [
    string,
    { id: string; resource: string; start: number; end: number; quantity: number }[],
  ][] = [];
  if (has(world, 'events')) {
    const accepted = decisionLog(world)
      .flat()
      .flatMap((d) =>
        d.decision === 'accepted' && d.reservation?.tenant === world.tenant ? [d.reservation] : [],
      );
    const once = accepted.filter((r, at) => accepted.findIndex((other) => other.id === r.id) === at);
    sources.push([
      'events log',
      once.map((r) => ({
        id: r.id,
        resource: r.resource,
        start: Date.parse(r.slot.start),
        end: Date.parse(r.slot.end),
        quantity: r.quantity,
      })),
    ]);
  }
  for (const [name, server] of world.servers) {
    if (has(world, name))
      sources.push([
        name,
        server.reservations.map((r) => ({
          id: r.reservationId,
          resource: r.resource,
          start: r.slotStartMs,
          end: r.slotEndMs,
          quantity: r.quantity,
        })),
      ]);
  }
  return sources.flatMap(([source, held]) =>
    held.flatMap((at) => {
      const together = held.filter(
        (other) => other.resource === at.resource && other.start <= at.start && at.start < other.end,
      );
      return together.reduce((sum, other) => sum + other.quantity, 0) > world.capacity
        ? [`${source} ${at.resource}`]
        : [];
    }),
  );
}

export function outOfOrder(world: World, ids: readonly string[], acks: readonly Ack[]): string[] {
  const found: string[] = [];
  if (has(world, 'commands')) {
    for (const a of acks) {
      for (const b of ids) {
        const sent = Math.min(...world.ops.filter((op) => op.eventId === b).map((op) => op.sentUs));
        const sameKey = world.ops.some((op) => op.eventId === b && op.resource === a.resource);
        const [placeA] = placesOf(world, a.id);
        const [placeB] = placesOf(world, b);
        if (
          sameKey &&
          placeA !== undefined &&
          placeB !== undefined &&
          sent > a.ackUs &&
          placeB.offset < placeA.offset
        )
          found.push(`acknowledgements ${a.id}`);
      }
    }
  }
  if (!has(world, 'events')) return found;
  const resourceOf = (id: string): string | undefined => world.ops.find((op) => op.eventId === id)?.resource;
  for (const id of ids) {
    for (const own of decisionsOf(world, id)) {
      const before = ids
        .filter((other) => resourceOf(other) === resourceOf(id))
        .flatMap((other) => decisionsOf(world, other))
        .filter((other) => other.at < own.at);
      const offset = Number(own.decision.commandOffset);
      const again = before.some((other) => Number(other.decision.commandOffset) === offset);
      if (!again && before.some((other) => Number(other.decision.commandOffset) > offset))
        found.push(`decisions ${id}`);
    }
  }
  return found;
}
