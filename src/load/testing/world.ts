import type { Command, Decision } from '../../contract/records.ts';
import { encodeToken } from '../../contract/token.ts';
import type { Op, ReadEntry } from '../entries.ts';
import { type ApiRead, type FinalReads, foldCommands, foldEvents, foldPostgres, type OperationRow, type ReservationRow } from '../final-reads.ts';
import type { JudgeInput } from '../verdicts.ts';

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
  readonly servers: Map<string, { reservations: ReservationRow[]; operations: OperationRow[]; through: Map<number, number> }>;
  readonly api: [eventId: string, answer: ApiRead][];
  readonly missing: Set<string>;
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
export const idOf = (index: number): string => index.toString(16).padStart(32, 'e');

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
      token: outcome === 'ok' ? encodeToken({ region: 'l', topicId: TOPIC_ID, partition, commandOffset: BigInt(offset) }) : null,
      reason: null,
    });
    if (lands) for (let copy = 0; copy < spec.copies; copy += 1) log.push({ eventId, tenant: TENANT });
  }
  // Somebody else's traffic in the same log.
  log.push({ eventId: `f${index}`, tenant: 'other' });
}

function decide(world: World, specs: readonly OpSpec[]): void {
  const held: { resource: string; slot: number; quantity: number }[] = [];
  for (const [partition, log] of world.commands.entries()) {
    const first = new Map<string, Decision>();
    for (const [offset, record] of log.entries()) {
      if (record === null) continue;
      const spec = specs[Number.parseInt(record.eventId.replace(/^e+/, ''), 16)];
      const base = { v: 1 as const, rulesVersion: 1, commandOffset: String(offset), previousCommandOffset: String(offset - 1), logTimeMs: 0, reason: null, first: null };
      const known = first.get(record.eventId);
      if (record.tenant !== TENANT || spec === undefined) {
        const reservation = { id: `x-${record.eventId}`, tenant: record.tenant, resource: 'x', slot: slotOf(0), quantity: 1 };
        world.events[partition]?.push({ ...base, decision: 'accepted', eventId: record.eventId, reservation });
      } else if (spec.unparseable) {
        world.events[partition]?.push({ ...base, decision: 'unparseable', eventId: null, reservation: null, reason: 'x' });
      } else if (known !== undefined) {
        const kind = known.decision === 'accepted' ? 'accepted' : 'rejected';
        world.events[partition]?.push({ ...base, decision: 'repeated', eventId: record.eventId, reservation: known.reservation, first: { commandOffset: known.commandOffset, decision: kind } });
      } else {
        const resource = resourceOf(spec.resource);
        const taken = held.filter((other) => other.resource === resource && other.slot === spec.slot).reduce((sum, other) => sum + other.quantity, 0);
        const fits = taken + spec.quantity <= world.capacity;
        if (fits) held.push({ resource, slot: spec.slot, quantity: spec.quantity });
        const reservation = fits ? { id: `i-${record.eventId}`, tenant: TENANT, resource, slot: slotOf(spec.slot), quantity: spec.quantity } : null;
        const decision: Decision = { ...base, decision: fits ? 'accepted' : 'rejected', eventId: record.eventId, reservation, reason: fits ? null : 'full' };
        first.set(record.eventId, decision);
        world.events[partition]?.push(decision);
      }
    }
  }
}

function slotOf(slot: number): { start: string; end: string } {
  return { start: new Date(slot * HOUR_MS).toISOString(), end: new Date((slot + 1) * HOUR_MS).toISOString() };
}

function project(world: World): void {
  for (const name of [WRITER, ...REPLICAS]) {
    const server = { reservations: [] as ReservationRow[], operations: [] as OperationRow[], through: new Map<number, number>() };
    for (const [partition, log] of world.events.entries()) {
      for (const { decision, eventId, reservation, commandOffset } of log) {
        server.through.set(partition, Number(commandOffset));
        if (eventId === null || decision === 'repeated') continue;
        server.operations.push({ eventId, decision, reservationId: reservation?.id ?? null });
        if (reservation !== null && reservation.tenant === TENANT) server.reservations.push(rowOf(eventId, reservation));
      }
    }
    world.servers.set(name, server);
  }
  for (const { eventId, decision, reservationId } of world.servers.get(WRITER)?.operations ?? []) {
    if (world.ops.some((op) => op.eventId === eventId && op.outcome === 'ok')) world.api.push([eventId, { kind: 'operation', decision, reservationId }]);
  }
  const answered = new Set(world.api.map(([eventId]) => eventId));
  for (const { eventId, outcome } of world.ops) {
    if (outcome === 'ok' && !answered.has(eventId)) world.api.push([eventId, { kind: 'notFound' }]);
  }
}

export function rowOf(eventId: string, reservation: NonNullable<Decision['reservation']>): ReservationRow {
  const { id, resource, slot, quantity } = reservation;
  return { reservationId: id, eventId, resource, slotStartMs: Date.parse(slot.start), slotEndMs: Date.parse(slot.end), quantity, status: 'active' };
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value), 'utf8');

/** The world through the folds, as a drill reads it. */
export function inputOf(world: World): JudgeInput {
  return {
    tenant: world.tenant,
    ops: world.ops,
    reads: world.reads,
    historyComplete: world.historyComplete,
    capacityOf: () => world.capacity,
    finalReads: finalReadsOf(world),
  };
}

function finalReadsOf(world: World): FinalReads {
  const commands = foldCommands({ tenant: world.tenant, claimed: new Set(world.commands.flatMap((log, partition) => log.map((_, offset) => `${partition}/${offset}`))) });
  const bounds = new Map<number, { startOffset: bigint; endOffset: bigint }>();
  for (const [partition, log] of world.commands.entries()) {
    const start = world.commandsStart[partition] ?? 0;
    bounds.set(partition, { startOffset: BigInt(start), endOffset: BigInt(log.length) });
    for (const [offset, record] of log.entries()) {
      if (record === null || offset < start) continue;
      const value: Partial<Command> = { eventId: record.eventId };
      commands.add(partition, { offset: BigInt(offset), key: Buffer.from(`${record.tenant}/r`), value: json(value) });
    }
  }
  const events = foldEvents({ tenant: world.tenant });
  for (const [partition, log] of world.events.entries()) {
    for (const [offset, decision] of log.entries()) {
      const tenant = decision.reservation?.tenant ?? world.tenant;
      events.add(partition, { offset: BigInt(offset), key: Buffer.from(`${tenant}/r`), value: json(decision) });
    }
  }
  const postgres = new Map([...world.servers].filter(([name]) => !world.missing.has(name)).map(([name, server]) => [name, serverRead(server)] as const));
  return {
    commands: world.missing.has('commands') ? null : commands.result(TOPIC_ID, bounds),
    events: world.missing.has('events') ? null : events.result(),
    servers: { writer: WRITER, replicas: REPLICAS },
    postgres,
    api: world.missing.has('api') ? null : { sampled: false, answers: new Map(world.api) },
  };
}

function serverRead(server: World['servers'] extends Map<string, infer S> ? S : never) {
  const fold = foldPostgres();
  for (const row of server.reservations) fold.reservation(row);
  for (const row of server.operations) fold.operation(row);
  for (const [partition, through] of server.through) fold.offset(partition, BigInt(through));
  return fold.result();
}
