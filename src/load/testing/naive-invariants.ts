import { type Ack, decisionLog, decisionsOf, has, placesOf, putAside, steps } from './naive-lookups.ts';
import type { World } from './world.ts';

interface Held {
  readonly resource: string;
  readonly start: number;
  readonly end: number;
  readonly quantity: number;
}

const live = ({ status }: { status: string }): boolean => status !== 'cancelled' && status !== 'expired';

/** Capacity and order, asked of the flat lists moment by moment and pair by pair. */
export function oversold(world: World): string[] {
  const found: string[] = [];
  const look = (source: string, held: readonly Held[]): void => {
    for (const at of held) {
      const together = held.filter(
        (other) => other.resource === at.resource && other.start <= at.start && at.start < other.end,
      );
      if (together.reduce((sum, other) => sum + other.quantity, 0) > world.capacity)
        found.push(`${source} ${at.resource}`);
    }
  };
  const all = has(world, 'events') ? steps(world) : [];
  for (const now of all.keys()) {
    const until = all.slice(0, now + 1).map(({ r }) => r);
    const newest = until.filter(
      (r, at) => !until.slice(at + 1).some((later) => later.id === r.id && later.resource === r.resource),
    );
    look(
      'events log',
      newest.filter(live).map(({ resource, quantity, slot }) => ({
        resource,
        quantity,
        start: Date.parse(slot.start),
        end: Date.parse(slot.end),
      })),
    );
  }
  for (const [name, server] of world.servers) {
    if (!has(world, name)) continue;
    const rows = server.reservations.filter((row) => live(row) && !putAside(world, name, row.reservationId));
    look(
      name,
      rows.map(({ resource, quantity, slotStartMs: start, slotEndMs: end }) => ({
        resource,
        quantity,
        start,
        end,
      })),
    );
  }
  return found;
}

/** Versions that do not count on by one. */
export function brokenVersions(world: World): string[] {
  const all = has(world, 'events') ? steps(world) : [];
  return all.flatMap((step, at) => {
    const before = all.slice(0, at).findLast(({ r }) => r.id === step.r.id);
    if (step.r.version === (before?.r.version ?? 0) + 1) return [];
    return [`versions ${(before ?? step).eventId ?? `end of ${step.r.id}`}`];
  });
}

/** Rows that are not what the log made of a reservation nobody lost anything of. */
export function projected(
  world: World,
  lost: readonly { id: string; reservation: string | null }[],
): string[] {
  if (!has(world, 'events')) return [];
  const all = steps(world);
  const ids = [...new Set(all.map(({ r }) => r.id))];
  const untouched = ids.filter(
    (id) =>
      !lost.some((one) => one.reservation === id) &&
      !all.some(({ r, eventId }) => r.id === id && lost.some((one) => one.id === eventId)),
  );
  return [...world.servers.keys()]
    .filter((name) => has(world, name))
    .flatMap((name) =>
      untouched
        .filter((id) => !putAside(world, name, id) && isOther(world, name, id))
        .map((id) => `${name} ${id}`),
    );
}

function isOther(world: World, name: string, id: string): boolean {
  const server = world.servers.get(name);
  const course = steps(world).filter(({ r }) => r.id === id);
  const partition = course[0]?.partition ?? 0;
  const through = server?.through.get(partition) ?? -1;
  const applied = course.filter(({ offset }) => offset <= through).at(-1);
  const row = server?.reservations.find((one) => one.reservationId === id);
  if (row === undefined) return applied !== undefined;
  if (applied !== undefined && row.version < applied.r.version) return true;
  const logged = course.find(({ r }) => r.version === row.version)?.r;
  const decided = (decisionLog(world)[partition] ?? []).map((d) => Number(d.commandOffset));
  if (logged === undefined) return through <= Math.max(-1, ...decided);
  return (
    logged.status !== row.status ||
    logged.quantity !== row.quantity ||
    logged.resource !== row.resource ||
    Date.parse(logged.slot.start) !== row.slotStartMs ||
    Date.parse(logged.slot.end) !== row.slotEndMs
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

/** Effects that nobody asked for, or that were refused. */
export function phantoms(world: World, ids: readonly string[], refused: readonly string[]): string[] {
  const seen = [
    ...(has(world, 'commands')
      ? world.commands
          .flatMap((log, p) => log.filter((_, offset) => offset >= (world.commandsStart[p] ?? 0)))
          .flatMap((record) => (record?.tenant === world.tenant ? [record.eventId] : []))
      : []),
    ...(has(world, 'events')
      ? decisionLog(world)
          .flat()
          .flatMap((d) =>
            d.eventId !== null && (d.reservation?.tenant ?? world.tenant) === world.tenant ? [d.eventId] : [],
          )
      : []),
    ...[...world.servers]
      .filter(([name]) => has(world, name))
      .flatMap(([, server]) => [
        ...server.reservations.map((row) => row.eventId),
        ...server.operations.map((row) => row.eventId).filter((id) => ids.includes(id)),
      ]),
    ...(has(world, 'api')
      ? world.api.flatMap(([id, answer]) => (answer.kind === 'operation' ? [id] : []))
      : []),
  ];
  return seen.flatMap((id) => {
    if (!ids.includes(id)) return [`${id} never invoked`];
    return refused.includes(id) ? [`${id} refused`] : [];
  });
}
