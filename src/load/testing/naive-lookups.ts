import type { Decision } from '../../contract/records.ts';
import type { World } from './world.ts';

export type Ack = { id: string; resource: string; partition: number; ackUs: number; token: string };
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
