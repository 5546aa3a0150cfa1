import type { DecisionKind, ReservationState } from '../contract/records.ts';

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
  readonly reservation: ReservationState | null;
  /** For `repeated`: what the first decision was. */
  readonly first: { readonly commandOffset: bigint; readonly decision: DecisionKind } | null;
}

/** One reservation that a decision, or the end of a hold, made or changed, as it is from then on. */
export interface EffectSeen {
  readonly partition: number;
  readonly eventOffset: bigint;
  readonly commandOffset: bigint;
  /** Null: nobody asked for it, a hold ended. */
  readonly eventId: string | null;
  readonly reservation: ReservationState;
}

/** The events topic, read to its end. */
export interface EventsRead {
  readonly decisions: ReadonlyMap<string, readonly DecisionSeen[]>;
  /** What happened to the tenant's reservations, in the order of the log within a partition. */
  readonly effects: readonly EffectSeen[];
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
  readonly version: number;
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
  /** The same, read after the reservations: none of their rows is newer. */
  readonly decidedAfter: ReadonlyMap<number, bigint>;
  /** The tenant's reservations by their own id. */
  readonly byId: ReadonlyMap<string, readonly ReservationRow[]>;
  /** Event ids whose event was put aside and not applied since; none where the database has no such view. */
  readonly parked: ReadonlySet<string>;
  /** The same for events without an id (a hold ended), as `partition/offset` in the events log. */
  readonly parkedAt: ReadonlySet<string>;
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

export function positionKey(position: Position): string {
  return `${position.partition}/${position.offset}`;
}
