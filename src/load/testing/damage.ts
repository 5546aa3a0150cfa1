import type { Decision } from '../../contract/records.ts';
import type { ReservationRow } from '../final-reads.ts';
import { idOf, REPLICAS, rowOf, TENANT, type World, WRITER } from './world.ts';
import { reservationOf } from './world-decide.ts';

/** Damage of every kind, aimed by two numbers; what it hits depends on the world. */
export const DAMAGE = {
  dropCommand: (world: World, a: number) => eraseCommands(world, idOf(a)),
  dropDecision: (world: World, a: number) => eraseDecisions(world, idOf(a)),
  dropRowsOnWriter: (world: World, a: number) => eraseRows(world, [WRITER, ...REPLICAS], idOf(a)),
  dropRowsOnReplica: (world: World, a: number, b: number) =>
    eraseRows(world, [REPLICAS[b % 2] ?? WRITER], idOf(a)),
  dropReservationOnly: (world: World, a: number, b: number) => {
    const server = world.servers.get([WRITER, ...REPLICAS][b % 3] ?? WRITER);
    if (server !== undefined)
      server.reservations = server.reservations.filter((row) => row.eventId !== idOf(a));
  },
  api404: (world: World, a: number) => {
    for (const entry of world.api) if (entry[0] === idOf(a)) entry[1] = { kind: 'notFound' };
  },
  overwriteCommand: (world: World, a: number, b: number) => {
    const log = world.commands[b % 2];
    if (log !== undefined && log.length > 0) log[a % log.length] = { eventId: idOf(b % 20), tenant: TENANT };
  },
  holeInLog: (world: World, a: number, b: number) => {
    const log = world.commands[b % 2];
    if (log !== undefined && log.length > 0) log[a % log.length] = null;
  },
  appendCommand: (world: World, a: number, b: number) =>
    void world.commands[b % 2]?.push({ eventId: idOf(a), tenant: TENANT }),
  swapCommands: (world: World, a: number, b: number) => {
    const log = world.commands[b % 2] ?? [];
    const at = a % Math.max(1, log.length - 1);
    const [one, two] = [log[at], log[at + 1]];
    if (one !== undefined && two !== undefined) log.splice(at, 2, two, one);
  },
  secondAccept: (world: World, a: number, b: number) => {
    const log = world.events[b % 2] ?? [];
    const decision = log[a % Math.max(1, log.length)];
    if (decision?.reservation != null)
      log.push({
        ...decision,
        decision: 'accepted',
        first: null,
        reservation: { ...decision.reservation, id: `second-${b}` },
      });
  },
  acceptedForTwoCommands: (world: World, a: number, b: number) => {
    const log = world.events[b % 2] ?? [];
    const decision = log[a % Math.max(1, log.length)];
    if (decision?.decision === 'accepted') log.push({ ...decision, commandOffset: String(log.length) });
  },
  sameDecisionAgain: (world: World, a: number, b: number) => {
    const log = world.events[b % 2] ?? [];
    const decision = log[a % Math.max(1, log.length)];
    if (decision !== undefined) log.push(decision);
  },
  otherOutcome: (world: World, a: number, b: number) => {
    const log = world.events[b % 2] ?? [];
    const decision = log[a % Math.max(1, log.length)];
    if (decision !== undefined && decision.eventId !== null)
      log.push({ ...decision, decision: 'rejected', reservation: null, first: null, reason: 'full' });
  },
  swapDecisions: (world: World, a: number, b: number) => {
    const log = world.events[b % 2] ?? [];
    const at = a % Math.max(1, log.length - 1);
    const [one, two] = [log[at], log[at + 1]];
    if (one !== undefined && two !== undefined) log.splice(at, 2, two, one);
  },
  doubleRow: (world: World, a: number, b: number) => {
    const server = world.servers.get([WRITER, ...REPLICAS][b % 3] ?? WRITER);
    const row = server?.reservations[a % Math.max(1, server.reservations.length)];
    if (row !== undefined) server?.reservations.push(row);
  },
  doubleOperation: (world: World, a: number, b: number) => {
    const server = world.servers.get([WRITER, ...REPLICAS][b % 3] ?? WRITER);
    const row = server?.operations[a % Math.max(1, server.operations.length)];
    if (row !== undefined) server?.operations.push(row);
  },
  olderRow: (world: World, a: number, b: number) =>
    changeRow(world, a, b, (row) => ({ ...row, version: row.version - 1 })),
  newerRow: (world: World, a: number, b: number) =>
    changeRow(world, a, b, (row) => ({ ...row, version: row.version + 1 })),
  otherRow: (world: World, a: number, b: number) =>
    changeRow(world, a, b, (row) => ({ ...row, status: row.status === 'held' ? 'active' : 'held' })),
  dropExpiry: (world: World, a: number, b: number) => {
    const log = world.events[b % 2] ?? [];
    const ends = log.filter((decision) => decision.expired.length > 0);
    const gone = ends[a % Math.max(1, ends.length)];
    log.splice(0, log.length, ...log.filter((decision) => decision !== gone));
  },
  phantomRow: (world: World, a: number, b: number) => {
    const reservation = reservationOf({
      id: `p-${a}`,
      tenant: TENANT,
      resource: `r${b % 4}`,
      slot: { start: '1970-01-01T00:00:00.000Z', end: '1970-01-01T04:00:00.000Z' },
      quantity: b % 9,
    });
    world.servers.get(WRITER)?.reservations.push(rowOf(idOf(a), reservation));
  },
  park: (world: World, a: number, b: number) => {
    const names = b % 3 === 0 ? [REPLICAS[a % 2] ?? WRITER] : [WRITER, ...REPLICAS];
    park(world, names, idOf(a));
  },
  replay: (world: World, a: number, b: number) => {
    const log = world.events[b % 2] ?? [];
    const decision = log[a % Math.max(1, log.length)];
    if (decision !== undefined) replay(world, b % 2, decision);
  },
  behind: (world: World, a: number, b: number) =>
    void world.servers.get([WRITER, ...REPLICAS][b % 3] ?? WRITER)?.through.set(a % 2, b),
  cutEvents: (world: World, a: number, b: number) => {
    const log = world.events[b % 2];
    if (log !== undefined) log.length = Math.max(0, log.length - (a % 4));
  },
  retention: (world: World, a: number, b: number) => {
    world.commandsStart[b % 2] = a % 6;
  },
  missing: (world: World, a: number) =>
    void world.missing.add(['commands', 'events', 'api', WRITER, ...REPLICAS][a % 6] ?? 'api'),
} satisfies Record<string, (world: World, a: number, b: number) => void>;

function changeRow(
  world: World,
  a: number,
  b: number,
  change: (row: ReservationRow) => ReservationRow,
): void {
  const rows = world.servers.get([WRITER, ...REPLICAS][b % 3] ?? WRITER)?.reservations ?? [];
  const row = rows[a % Math.max(1, rows.length)];
  if (row !== undefined) rows[a % rows.length] = change(row);
}

/** The servers have put an event aside: its rows are not there, and the dead letter is. */
export function park(world: World, names: readonly string[], id: string): void {
  eraseRows(world, names, id);
  for (const name of names) world.servers.get(name)?.parked.add(id);
}

/** A dead letter's decision, written into the log once more. */
export function replay(world: World, partition: number, decision: Decision): void {
  const again = { ...decision };
  world.events[partition]?.push(again);
  world.replays.add(again);
}

export function eraseCommands(world: World, id: string): void {
  for (const log of world.commands)
    for (const [at, record] of log.entries()) if (record?.eventId === id) log[at] = null;
}
export function eraseDecisions(world: World, id: string): void {
  for (const [partition, log] of world.events.entries())
    world.events[partition]?.splice(0, log.length, ...log.filter((d) => d.eventId !== id));
}
export function eraseRows(world: World, names: readonly string[], id: string): void {
  for (const name of names) {
    const server = world.servers.get(name);
    if (server === undefined) continue;
    server.reservations = server.reservations.filter((row) => row.eventId !== id);
    server.operations = server.operations.filter((row) => row.eventId !== id);
  }
}
