import type { Decision, ReservationState } from '../../contract/records.ts';
import { encodeToken } from '../../contract/token.ts';
import type { Op, ReadEntry } from '../entries.ts';
import type { ApiRead, OperationRow, ReservationRow } from '../final-reads.ts';

/**
 * A small platform as flat lists, run forward honestly and then damaged by the tests. The checker sees it through the
 * folds, the naive second checker reads the lists themselves.
 */
export interface World {
  readonly tenant: string;
  readonly capacity: number;
  ops: Op[];
  reads: ReadEntry[];
  historyComplete: boolean;
  /** One list per partition: index = offset; null = no record at this offset. */
  readonly commands: ({ eventId: string; tenant: string } | null)[][];
  readonly commandsStart: number[];
  readonly events: Decision[][];
  /** Those of them that replay a dead letter. */
  readonly replays: Set<Decision>;
  readonly servers: Map<string, ServerState>;
  readonly api: [eventId: string, answer: ApiRead][];
  readonly missing: Set<string>;
}

export interface ServerState {
  reservations: ReservationRow[];
  operations: OperationRow[];
  readonly parked: Set<string>;
  readonly through: Map<number, number>;
}

/** How one operation goes. */
export interface OpSpec {
  readonly resource: number;
  readonly attempts: readonly ('ok' | 'fail' | 'info' | 'open')[];
  /** Whether an attempt without a 202 left a record all the same. */
  readonly infoLands: boolean;
  /** Further copies of the command by the producer. */
  readonly copies: number;
  readonly slot: number;
  readonly quantity: number;
  readonly slowness: number;
  readonly unparseable: boolean;
}

export const TENANT = 'load-t';
export const TOPIC_ID = 'topic-1';
export const PARTITIONS = 2;
export const WRITER = 'az-a';
export const REPLICAS = ['az-b', 'az-c'] as const;
const HOUR_MS = 3_600_000;

export const resourceOf = (number: number): string => `r${number}`;
export const partitionOfResource = (number: number): number => number % PARTITIONS;
export const idOf = (index: number): string => `c0de${index.toString(16).padStart(28, '0')}`;

/** Runs the operations through an honest platform. */
export function honestWorld(specs: readonly OpSpec[], capacity: number): World {
  const world: World = {
    tenant: TENANT,
    capacity,
    ops: [],
    reads: [],
    historyComplete: true,
    commands: Array.from({ length: PARTITIONS }, () => []),
    commandsStart: Array.from({ length: PARTITIONS }, () => 0),
    events: Array.from({ length: PARTITIONS }, () => []),
    replays: new Set(),
    servers: new Map(),
    api: [],
    missing: new Set(),
  };
  for (const [index, spec] of specs.entries()) send(world, index, spec);
  decide(world, specs);
  project(world);
  return world;
}

function send(world: World, index: number, spec: OpSpec): void {
  const eventId = idOf(index);
  const partition = partitionOfResource(spec.resource);
  const log = world.commands[partition] ?? [];
  for (const [at, outcome] of spec.attempts.entries()) {
    const sentUs = index * 10 + at * 3;
    const lands = outcome === 'ok' || (outcome !== 'fail' && spec.infoLands);
    const offset = lands ? log.push({ eventId, tenant: TENANT }) - 1 : -1;
    world.ops.push({
      op: world.ops.length,
      eventId,
      resource: resourceOf(spec.resource),
      partition,
      attempt: at + 1,
      gateway: 'g1',
      dueUs: sentUs,
      sentUs,
      outcome,
      doneUs: outcome === 'open' ? null : sentUs + 2 + spec.slowness,
      token:
        outcome === 'ok'
          ? encodeToken({ region: 'l', topicId: TOPIC_ID, partition, commandOffset: BigInt(offset) })
          : null,
      reason: null,
    });
    if (lands) for (let copy = 0; copy < spec.copies; copy += 1) log.push({ eventId, tenant: TENANT });
  }
  // Somebody else's traffic in the same log, not always last: the end of a partition is where mistakes hide.
  if (index % 3 === 0) log.push({ eventId: `f${index}`, tenant: 'other' });
}

interface Holding {
  readonly resource: string;
  readonly slot: number;
  readonly quantity: number;
}

function decide(world: World, specs: readonly OpSpec[]): void {
  const held: Holding[] = [];
  for (const [partition, log] of world.commands.entries()) {
    const first = new Map<string, Decision>();
    for (const [offset, record] of log.entries()) {
      if (record === null) continue;
      const known = first.get(record.eventId);
      const spec = record.tenant === TENANT ? specs[Number.parseInt(record.eventId.slice(4), 16)] : undefined;
      const base = baseOf(offset, record.eventId);
      const decision =
        spec === undefined
          ? foreignDecision(base, record.tenant)
          : decisionOn(base, spec, known, held, world.capacity);
      if (known === undefined) first.set(record.eventId, decision);
      world.events[partition]?.push(decision);
    }
  }
}

function decisionOn(
  base: Decision,
  spec: OpSpec,
  known: Decision | undefined,
  held: Holding[],
  capacity: number,
): Decision {
  if (spec.unparseable) return { ...base, decision: 'unparseable', eventId: null, reason: 'x' };
  return known === undefined ? freshDecision(base, spec, held, capacity) : repetitionOf(base, known);
}

function baseOf(offset: number, eventId: string): Decision {
  return {
    v: 1,
    decision: 'rejected',
    rulesVersion: 1,
    commandOffset: String(offset),
    previousCommandOffset: String(offset - 1),
    logTimeMs: 0,
    command: null,
    eventId,
    tenant: null,
    reservation: null,
    reason: null,
    first: null,
    expired: [],
  };
}

function foreignDecision(base: Decision, tenant: string): Decision {
  const reservation = reservationOf({
    id: `x-${base.eventId}`,
    tenant,
    resource: 'x',
    slot: slotOf(0),
    quantity: 1,
  });
  return { ...base, decision: 'accepted', reservation };
}

function repetitionOf(base: Decision, known: Decision): Decision {
  const decision = known.decision === 'accepted' ? 'accepted' : 'rejected';
  const first = { commandOffset: known.commandOffset, decision } as const;
  return { ...base, decision: 'repeated', reservation: known.reservation, first };
}

function freshDecision(base: Decision, spec: OpSpec, held: Holding[], capacity: number): Decision {
  const { slot, quantity } = spec;
  const resource = resourceOf(spec.resource);
  const competing = held.filter((other) => other.resource === resource && other.slot === slot);
  if (competing.reduce((sum, other) => sum + other.quantity, quantity) > capacity)
    return { ...base, reason: 'full' };
  held.push({ resource, slot, quantity });
  const own = { id: `i-${base.eventId}`, tenant: TENANT, resource, slot: slotOf(slot), quantity };
  const reservation = reservationOf(own);
  return { ...base, decision: 'accepted', reservation };
}

/** A reservation as it was made: active at once. */
export function reservationOf(
  made: Pick<ReservationState, 'id' | 'tenant' | 'resource' | 'slot' | 'quantity'>,
): ReservationState {
  return { ...made, status: 'active', version: 1, holdUntilMs: null };
}

function slotOf(slot: number): { start: string; end: string } {
  return { start: new Date(slot * HOUR_MS).toISOString(), end: new Date((slot + 1) * HOUR_MS).toISOString() };
}

function project(world: World): void {
  for (const name of [WRITER, ...REPLICAS]) world.servers.set(name, projected(world));
  const acknowledged = new Set(world.ops.filter((op) => op.outcome === 'ok').map((op) => op.eventId));
  const operations = world.servers.get(WRITER)?.operations ?? [];
  for (const eventId of acknowledged) {
    const row = operations.find((operation) => operation.eventId === eventId);
    const found =
      row && ({ kind: 'operation', decision: row.decision, reservationId: row.reservationId } as const);
    world.api.push([eventId, found ?? { kind: 'notFound' }]);
  }
}

function projected(world: World): ServerState {
  const server: ServerState = { reservations: [], operations: [], parked: new Set(), through: new Map() };
  for (const [partition, log] of world.events.entries()) {
    for (const { decision, eventId, reservation, commandOffset } of log) {
      server.through.set(partition, Number(commandOffset));
      if (eventId === null || decision === 'repeated') continue;
      server.operations.push({ eventId, decision, reservationId: reservation?.id ?? null });
      if (reservation?.tenant === TENANT) server.reservations.push(rowOf(eventId, reservation));
    }
  }
  return server;
}

export function rowOf(eventId: string, reservation: NonNullable<Decision['reservation']>): ReservationRow {
  const { id, resource, slot, quantity } = reservation;
  return {
    reservationId: id,
    eventId,
    resource,
    slotStartMs: Date.parse(slot.start),
    slotEndMs: Date.parse(slot.end),
    quantity,
    status: 'active',
  };
}
