import { type RecordHeaders, readReplay } from '../contract/dead-letter.ts';
import { decodeEvent } from '../contract/events.ts';
import { type Decision, type DecisionKind, tenantOfKey } from '../contract/records.ts';

/** Where a record stands. */
export interface Position {
  readonly partition: number;
  readonly offset: bigint;
}

/** The readable part of one partition when it was read: [start, end). */
export interface Bounds {
  readonly startOffset: bigint;
  readonly endOffset: bigint;
}

/** The commands topic, read from first offset to end by a reader that is not the service's. */
export interface CommandsRead {
  readonly topicId: string;
  readonly bounds: ReadonlyMap<number, Bounds>;
  /** All positions of each event id of the tenant, in offset order within a partition. */
  readonly positions: ReadonlyMap<string, readonly Position[]>;
  /** What stands at a claimed position that does not hold its event, as `partition/offset` → description. */
  readonly standing: ReadonlyMap<string, string>;
}

/** One decision as it stands in the events topic. */
export interface DecisionSeen {
  /** Whether key or reservation name the tenant; false when the record names none at all. */
  readonly ours: boolean;
  readonly partition: number;
  readonly eventOffset: bigint;
  readonly commandOffset: bigint;
  readonly decision: DecisionKind;
  readonly reservation: Decision['reservation'];
  /** For `repeated`: what the first decision was. */
  readonly first: { readonly commandOffset: bigint; readonly decision: DecisionKind } | null;
}

/** The events topic, read to its end. */
export interface EventsRead {
  readonly decisions: ReadonlyMap<string, readonly DecisionSeen[]>;
  /** Command positions decided `unparseable` (their event id cannot be known), as `partition/offset`. */
  readonly unparseable: ReadonlySet<string>;
  /** Highest decided command offset per partition, of every tenant. */
  readonly decidedThrough: ReadonlyMap<number, bigint>;
  /** Records of the tenant that replay a dead letter: copies of a decision that stands here already, no decisions. */
  readonly replayed: number;
}

/** One row of the view uplift_reservations. */
export interface ReservationRow {
  readonly reservationId: string;
  readonly eventId: string;
  readonly resource: string;
  readonly slotStartMs: number;
  readonly slotEndMs: number;
  readonly quantity: number;
  readonly status: string;
}

/** One row of the view uplift_operations. */
export interface OperationRow {
  readonly eventId: string;
  readonly decision: DecisionKind;
  readonly reservationId: string | null;
}

/** One Postgres server. */
export interface PostgresRead {
  /** The tenant's reservations by event id. */
  readonly reservations: ReadonlyMap<string, readonly ReservationRow[]>;
  /** Operations by event id; the view has no tenant, so it may hold more than ours. */
  readonly operations: ReadonlyMap<string, readonly OperationRow[]>;
  /** `decided_through` per partition: an absent row counts as missing only below it. */
  readonly decidedThrough: ReadonlyMap<number, bigint>;
  /** Event ids whose event was put aside and not applied since; none where the database has no such view. */
  readonly parked: ReadonlySet<string>;
}

/** What `GET /v1/operations/:id` answered; `noAnswer`: nothing that says whether it is there. */
export type ApiRead =
  | { readonly kind: 'operation'; readonly decision: DecisionKind; readonly reservationId: string | null }
  | { readonly kind: 'notFound' }
  | { readonly kind: 'noAnswer'; readonly reason: string };

/** Everything that was read after the restore. A source that could not be read is null or absent, never empty. */
export interface FinalReads {
  readonly commands: CommandsRead | null;
  readonly events: EventsRead | null;
  /** Servers that had to be read. */
  readonly servers: { readonly writer: string; readonly replicas: readonly string[] };
  readonly postgres: ReadonlyMap<string, PostgresRead>;
  /** By event id. `sampled`: not every acknowledged operation was asked for, on purpose. */
  readonly api: { readonly sampled: boolean; readonly answers: ReadonlyMap<string, ApiRead> } | null;
}

/** The part of a Kafka record the folds look at. */
export interface FoldRecord {
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Absent: none. */
  readonly headers?: RecordHeaders;
}

export function positionKey(position: Position): string {
  return `${position.partition}/${position.offset}`;
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
      if (decision.eventId === null) {
        if (decision.decision === 'unparseable')
          unparseable.add(positionKey({ partition, offset: commandOffset }));
        return;
      }
      if (tenant !== null && tenant !== options.tenant) return;
      const seen = seenOf(decision, { partition, offset: record.offset }, tenant !== null);
      pushTo(decisions, decision.eventId, seen);
    },
    result: () => ({ decisions, unparseable, decidedThrough, replayed }),
  };
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
  offset(partition: number, decidedThrough: bigint): void;
  parked(eventId: string): void;
  result(): PostgresRead;
}

/** Folds the rows of one server; the caller asks only for its tenant's reservations. */
export function foldPostgres(): PostgresFold {
  const reservations = new Map<string, ReservationRow[]>();
  const operations = new Map<string, OperationRow[]>();
  const decidedThrough = new Map<number, bigint>();
  const parked = new Set<string>();
  return {
    reservation: (row) => pushTo(reservations, row.eventId, row),
    operation: (row) => pushTo(operations, row.eventId, row),
    offset: (partition, through) => void decidedThrough.set(partition, through),
    parked: (eventId) => void parked.add(eventId),
    result: () => ({ reservations, operations, decidedThrough, parked }),
  };
}
