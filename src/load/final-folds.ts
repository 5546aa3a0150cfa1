import { type RecordHeaders, readReplay } from '../contract/dead-letter.ts';
import { decodeEvent } from '../contract/events.ts';
import { type Decision, effectsOf, tenantOfKey } from '../contract/records.ts';
import {
  type Bounds,
  type CommandsRead,
  type DecisionSeen,
  type EffectSeen,
  type EventsRead,
  type OperationRow,
  type Position,
  type PostgresRead,
  positionKey,
  type ReservationRow,
} from './final-reads.ts';

/** The part of a Kafka record the folds look at. */
export interface FoldRecord {
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Absent: none. */
  readonly headers?: RecordHeaders;
}

function pushTo<V>(map: Map<string, V[]>, key: string, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

export interface CommandsFold {
  add(partition: number, record: FoldRecord): void;
  result(topicId: string, bounds: ReadonlyMap<number, Bounds>): CommandsRead;
}

/**
 * Folds the commands topic into the positions of one tenant's event ids. `claimed` (see `claimedPositions`) names the
 * positions whose holder is worth remembering. Records of other tenants cost no memory.
 */
export function foldCommands(options: {
  readonly tenant: string;
  readonly claimed: ReadonlySet<string>;
}): CommandsFold {
  const positions = new Map<string, Position[]>();
  const standing = new Map<string, string>();
  return {
    add(partition, record) {
      const position: Position = { partition, offset: record.offset };
      const ours = tenantOfKey(record.key) === options.tenant;
      const eventId = ours ? eventIdIn(record.value) : null;
      if (eventId !== null) pushTo(positions, eventId, position);
      const key = positionKey(position);
      if (options.claimed.has(key))
        standing.set(key, eventId === null ? describeForeign(ours) : `holds ${eventId}`);
    },
    result: (topicId, bounds) => ({ topicId, bounds, positions, standing }),
  };
}

function describeForeign(ours: boolean): string {
  return ours ? 'holds a record that cannot be read' : 'holds a record of another tenant';
}

/** Only the id is wanted: a command that breaks the schema elsewhere still stands in the log under its id. */
function eventIdIn(value: Buffer | null): string | null {
  if (value === null) return null;
  try {
    const parsed: unknown = JSON.parse(value.toString('utf8'));
    if (typeof parsed !== 'object' || parsed === null || !('eventId' in parsed)) return null;
    return typeof parsed.eventId === 'string' ? parsed.eventId : null;
  } catch {
    return null;
  }
}

export interface EventsFold {
  add(partition: number, record: FoldRecord): void;
  result(): EventsRead;
}

/**
 * Folds the events topic; keeps the decisions of one tenant, and of every tenant only how far commands are decided. The
 * replay of a dead letter is counted and nothing else: the decision it repeats stands in the log already.
 */
export function foldEvents(options: { readonly tenant: string }): EventsFold {
  const decisions = new Map<string, DecisionSeen[]>();
  const effects: EffectSeen[] = [];
  const unparseable = new Set<string>();
  const decidedThrough = new Map<number, bigint>();
  let replayed = 0;
  return {
    add(partition, record) {
      const decision = decodeEvent(record.value)?.decision;
      if (decision === undefined) return;
      const tenant = tenantIn(decision, record.key);
      if (readReplay(record.headers ?? []) !== undefined) {
        if (tenant === options.tenant) replayed += 1;
        return;
      }
      const commandOffset = BigInt(decision.commandOffset);
      if (commandOffset > (decidedThrough.get(partition) ?? -1n))
        decidedThrough.set(partition, commandOffset);
      const at = { partition, offset: record.offset };
      effects.push(
        ...effectsIn(decision, at).filter((effect) => effect.reservation.tenant === options.tenant),
      );
      if (decision.eventId === null) {
        if (decision.decision === 'unparseable')
          unparseable.add(positionKey({ partition, offset: commandOffset }));
        return;
      }
      if (tenant !== null && tenant !== options.tenant) return;
      const seen = seenOf(decision, at, tenant !== null);
      pushTo(decisions, decision.eventId, seen);
    },
    result: () => ({ decisions, effects, unparseable, decidedThrough, replayed }),
  };
}

function effectsIn(decision: Decision, at: Position): EffectSeen[] {
  const { eventId, commandOffset } = decision;
  return effectsOf(decision).map((reservation) => ({
    partition: at.partition,
    eventOffset: at.offset,
    commandOffset: BigInt(commandOffset),
    eventId,
    reservation,
  }));
}

function seenOf(decision: Decision, at: Position, ours: boolean): DecisionSeen {
  const { first, reservation } = decision;
  return {
    ours,
    partition: at.partition,
    eventOffset: at.offset,
    commandOffset: BigInt(decision.commandOffset),
    decision: decision.decision,
    reservation,
    first: first === null ? null : { ...first, commandOffset: BigInt(first.commandOffset) },
  };
}

/** Whose a decision is, as far as it, its reservation or its key say. */
function tenantIn({ tenant, reservation }: Decision, key: Buffer | null): string | null {
  return tenant ?? reservation?.tenant ?? tenantOfKey(key);
}

export interface PostgresFold {
  reservation(row: ReservationRow): void;
  operation(row: OperationRow): void;
  /** Before the first reservation, and once more after the last. */
  offset(partition: number, decidedThrough: bigint, when: 'before' | 'after'): void;
  parked(eventId: string): void;
  /** An event without an id that was put aside. */
  parkedAt(position: Position): void;
  result(): PostgresRead;
}

/** Folds the rows of one server; the caller asks only for its tenant's reservations. */
export function foldPostgres(): PostgresFold {
  const reservations = new Map<string, ReservationRow[]>();
  const operations = new Map<string, OperationRow[]>();
  const decided = { before: new Map<number, bigint>(), after: new Map<number, bigint>() };
  const byId = new Map<string, ReservationRow[]>();
  const parked = new Set<string>();
  const parkedAt = new Set<string>();
  return {
    reservation: (row) => {
      pushTo(reservations, row.eventId, row);
      pushTo(byId, row.reservationId, row);
    },
    operation: (row) => pushTo(operations, row.eventId, row),
    offset: (partition, through, when) => void decided[when].set(partition, through),
    parked: (eventId) => void parked.add(eventId),
    parkedAt: (position) => void parkedAt.add(positionKey(position)),
    result: () => ({
      reservations,
      byId,
      operations,
      decidedThrough: decided.before,
      decidedAfter: decided.after,
      parked,
      parkedAt,
    }),
  };
}
