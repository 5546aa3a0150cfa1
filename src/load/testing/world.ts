import { type Decision, effectsOf, type ReservationState } from '../../contract/records.ts';
import { encodeToken } from '../../contract/token.ts';
import type { Op, ReadEntry } from '../entries.ts';
import type { ApiRead, OperationRow, ReservationRow } from '../final-reads.ts';
import type { LoadVerb } from '../stories.ts';
import { decide } from './world-decide.ts';

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
  /** Absent: create. */
  readonly verb?: LoadVerb;
  /** Of a follow-up: which of the acknowledged creates before it it is about; it is a create where there is none. */
  readonly of?: number;
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

/** A create of one unit that is acknowledged at once. */
export const PLAIN: OpSpec = {
  resource: 0,
  attempts: ['ok'],
  infoLands: true,
  copies: 0,
  slot: 0,
  quantity: 1,
  slowness: 0,
  unparseable: false,
};

export const TENANT = 'load-t';
/** Stands for the owner's heartbeat in a commands log. */
export const TICK = 'tick';
export const TOPIC_ID = 'topic-1';
export const PARTITIONS = 2;
export const WRITER = 'az-a';
export const REPLICAS = ['az-b', 'az-c'] as const;

export const resourceOf = (number: number): string => `r${number}`;
export const partitionOfResource = (number: number): number => number % PARTITIONS;
export const reservationIdOf = (index: number): string => `i-${idOf(index)}`;
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
  const asked = askedFor(specs);
  for (const [index, one] of asked.entries()) send(world, index, one);
  decide(world, asked);
  project(world);
  return world;
}

/** One operation with what it turns out to be about. */
export interface Asked {
  readonly spec: OpSpec;
  readonly verb: LoadVerb;
  readonly resource: number;
  /** Id of the reservation it is about; null for what makes one. */
  readonly reservation: string | null;
}

function askedFor(specs: readonly OpSpec[]): Asked[] {
  const asked: Asked[] = [];
  for (const spec of specs) {
    const { verb = 'create', of = 0 } = spec;
    const makers = asked.flatMap((one, at) =>
      one.reservation === null && one.spec.attempts.at(-1) === 'ok' ? [{ ...one, at }] : [],
    );
    const maker = makers[of % Math.max(1, makers.length)];
    if (verb === 'create' || verb === 'hold') {
      asked.push({ spec, verb, resource: spec.resource, reservation: null });
    } else if (maker === undefined) {
      asked.push({ spec, verb: 'create', resource: spec.resource, reservation: null });
    } else {
      asked.push({ spec, verb, resource: maker.resource, reservation: reservationIdOf(maker.at) });
    }
  }
  return asked;
}

function send(world: World, index: number, asked: Asked): void {
  const { spec, verb, reservation, resource } = asked;
  const eventId = idOf(index);
  const partition = partitionOfResource(resource);
  const log = world.commands[partition] ?? [];
  for (const [at, outcome] of spec.attempts.entries()) {
    const sentUs = index * 10 + at * 3;
    const lands = outcome === 'ok' || (outcome !== 'fail' && spec.infoLands);
    const offset = lands ? log.push({ eventId, tenant: TENANT }) - 1 : -1;
    world.ops.push({
      op: world.ops.length,
      eventId,
      verb,
      reservation,
      resource: resourceOf(resource),
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
  if (index % 4 === 3) log.push({ eventId: `t${index}`, tenant: TICK });
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
    for (const one of log) {
      const { decision, eventId, reservation, commandOffset } = one;
      server.through.set(partition, Number(commandOffset));
      for (const effect of effectsOf(one)) applyTo(server, effect, eventId);
      if (eventId === null || decision === 'repeated') continue;
      server.operations.push({ eventId, decision, reservationId: reservation?.id ?? null });
    }
  }
  return server;
}

function applyTo(server: ServerState, effect: ReservationState, eventId: string | null): void {
  if (effect.tenant !== TENANT) return;
  const at = server.reservations.findIndex(({ reservationId }) => reservationId === effect.id);
  const before = server.reservations[at];
  if (before === undefined) server.reservations.push(rowOf(eventId ?? '', effect));
  else server.reservations[at] = rowOf(before.eventId, effect);
}

export function rowOf(eventId: string, reservation: NonNullable<Decision['reservation']>): ReservationRow {
  const { id, resource, slot, quantity, status, version } = reservation;
  return {
    reservationId: id,
    eventId,
    resource,
    slotStartMs: Date.parse(slot.start),
    slotEndMs: Date.parse(slot.end),
    quantity,
    status,
    version,
  };
}
