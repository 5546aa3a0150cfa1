import type { Decision, ReservationState } from '../../contract/records.ts';
import type { World } from './world.ts';

export type Ack = {
  id: string;
  reservation: string | null;
  resource: string;
  partition: number;
  ackUs: number;
  token: string;
};
export type Placed = { partition: number; offset: number };
export type Decided = { partition: number; at: number; decision: Decision };

/** Lookups of the naive checker: plain scans over the world's lists. */
export const has = (world: World, source: string): boolean => !world.missing.has(source);

export function placesOf(world: World, id: string): Placed[] {
  return world.commands.flatMap((log, partition) =>
    log.flatMap((record, offset) =>
      record?.eventId === id &&
      record.tenant === world.tenant &&
      offset >= (world.commandsStart[partition] ?? 0)
        ? [{ partition, offset }]
        : [],
    ),
  );
}

/** What was decided, partition by partition: a replayed record decides nothing. */
export function decisionLog(world: World): Decision[][] {
  return world.events.map((log) => log.filter((decision) => !world.replays.has(decision)));
}

export function decisionsOf(world: World, id: string): Decided[] {
  return decisionLog(world).flatMap((log, partition) =>
    log.flatMap((decision, at) =>
      decision.eventId === id && (decision.reservation?.tenant ?? world.tenant) === world.tenant
        ? [{ partition, at, decision }]
        : [],
    ),
  );
}

export type Step = { partition: number; offset: number; eventId: string | null; r: ReservationState };

/** What happened to the tenant's reservations, each thing once. */
export function steps(world: World): Step[] {
  const all = decisionLog(world).flatMap((log, partition) =>
    log.flatMap((d) =>
      [...(d.decision === 'accepted' && d.reservation !== null ? [d.reservation] : []), ...d.expired]
        .filter((r) => r.tenant === world.tenant)
        .map((r) => ({ partition, offset: Number(d.commandOffset), eventId: d.eventId, r })),
    ),
  );
  const same = (a: Step, b: Step): boolean =>
    a.partition === b.partition && a.offset === b.offset && a.r.id === b.r.id && a.r.version === b.r.version;
  return all.filter((step, at) => all.findIndex((other) => same(step, other)) === at);
}

/** Whether a server has put something aside that happened to the reservation. */
export function putAside(world: World, server: string, id: string): boolean {
  const parked = world.servers.get(server)?.parked;
  return (
    has(world, 'events') &&
    steps(world).some(({ r, eventId }) => r.id === id && eventId !== null && parked?.has(eventId) === true)
  );
}
