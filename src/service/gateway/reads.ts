import type { Sql } from '../../clients/postgres/index.ts';
import { type Operation, operationSchema, type Reservation, reservationSchema } from '../../contract/http.ts';
import { VIEWS } from '../../contract/projection.ts';
import { TOPICS } from '../../contract/records.ts';
import { type Awaited, awaitedKey, DecisionWaiter } from './decisions.ts';
import type { ReadStatement } from './reader.ts';

/** Columns of a reservation `r`; those of an operation have other names, so that a statement can ask for both. */
export const RESERVATION_COLUMNS = `r.reservation_id, r.tenant, r.resource, r.slot_start, r.slot_end, r.quantity,
  r.status, r.hold_until, r.version, r.event_id AS made_by`;
const OPERATION_COLUMNS = `o.event_id, o.decision, o.reservation_id AS concerns, o.reason, o.command_partition,
  o.command_offset`;

export interface OperationRow {
  readonly event_id: string;
  readonly decision: string;
  readonly concerns: string | null;
  readonly reason: string | null;
  readonly command_partition: number;
  readonly command_offset: bigint;
}

export interface ReservationRow {
  readonly reservation_id: string;
  readonly tenant: string;
  readonly resource: string;
  readonly slot_start: Date;
  readonly slot_end: Date;
  readonly quantity: number;
  readonly status: string;
  readonly hold_until: Date | null;
  readonly version: number;
  readonly made_by: string;
}

/** The first decision of a tenant's operation: one OperationRow, or none while the projection has none. */
export function operationStatement(tenant: string, operationId: string): ReadStatement {
  return {
    text: `SELECT ${OPERATION_COLUMNS} FROM ${VIEWS.operations} o WHERE o.tenant = $1 AND o.event_id = $2`,
    values: [tenant, operationId],
  };
}

/** A reservation of this tenant: one ReservationRow, or none. */
export function reservationStatement(tenant: string, id: string): ReadStatement {
  return {
    text: `SELECT ${RESERVATION_COLUMNS} FROM ${VIEWS.reservations} r WHERE r.tenant = $1 AND r.reservation_id = $2`,
    values: [tenant, id],
  };
}

/** A row that is none of what the contract promises, as another version may write it. Says its id, and no other value of it. */
export class UnreadableRow extends Error {
  constructor(what: string) {
    super(`the row of ${what} is not one that this version can answer with`);
    this.name = 'UnreadableRow';
  }
}

/** Throws UnreadableRow: what it was that did not fit would quote it. */
function readable<T>(what: string, of: () => T): T {
  try {
    return of();
  } catch {
    throw new UnreadableRow(what);
  }
}

/** Throws UnreadableRow. */
export function operationOf(row: OperationRow): Operation {
  return readable(`operation ${row.event_id}`, () =>
    operationSchema.parse({
      operationId: row.event_id,
      decision: row.decision,
      reservationId: row.concerns,
      reason: row.reason,
      commandPartition: row.command_partition,
      commandOffset: row.command_offset.toString(),
    }),
  );
}

/** Throws UnreadableRow. */
export function reservationOf(row: ReservationRow): Reservation {
  return readable(`reservation ${row.reservation_id}`, () =>
    reservationSchema.parse({
      reservationId: row.reservation_id,
      tenant: row.tenant,
      resource: row.resource,
      slot: { start: row.slot_start.toISOString(), end: row.slot_end.toISOString() },
      quantity: row.quantity,
      status: row.status,
      holdUntil: row.hold_until?.toISOString() ?? null,
      version: row.version,
      operationId: row.made_by,
    }),
  );
}

/** A decision, and its reservation as it is now; null: there is none, or its event was put aside. */
export interface DecidedOperation {
  readonly operation: Operation;
  readonly reservation: Reservation | null;
}

type BothRow = OperationRow & { readonly asked_by: string } & (
    | ReservationRow
    | { readonly reservation_id: null }
  );

const DECIDED_SQL = `SELECT o.tenant AS asked_by, ${OPERATION_COLUMNS}, ${RESERVATION_COLUMNS}
  FROM unnest($1::text[], $2::text[]) AS w(tenant, event_id)
  JOIN ${VIEWS.operations} o USING (tenant, event_id)
  LEFT JOIN ${VIEWS.reservations} r ON r.tenant = o.tenant AND r.reservation_id = o.reservation_id`;

/** A decision, or that it is there and cannot be told: nobody else has to wait for that. */
export type LookedUp = DecidedOperation | UnreadableRow;

/** What the projection has of these operations, by `awaitedKey`; those that it has not decided are left out. */
export async function lookUpDecisions(
  sql: Sql,
  wanted: readonly Awaited[],
  timeoutMs: number,
): Promise<ReadonlyMap<string, LookedUp>> {
  const values = [wanted.map(({ tenant }) => tenant), wanted.map(({ operationId }) => operationId)];
  const { rows } = await sql.query<BothRow>(DECIDED_SQL, values, { timeoutMs });
  return new Map(
    rows.map((row) => [awaitedKey({ tenant: row.asked_by, operationId: row.event_id }), lookedUp(row)]),
  );
}

function lookedUp(row: BothRow): LookedUp {
  try {
    return {
      operation: operationOf(row),
      reservation: row.reservation_id === null ? null : reservationOf(row),
    };
  } catch (error) {
    if (error instanceof UnreadableRow) return error;
    throw error;
  }
}

/** The command that an operation was first decided with. */
export interface DecidedAt {
  /** Of the commands topic it stands in; null: no event of its partition has said it. */
  readonly topicId: string | null;
  readonly partition: number;
  readonly commandOffset: bigint;
}

/**
 * Where the first decision of an operation stands, as the writer shows it; undefined: it shows none. One whose event was
 * put aside is decided all the same: sent again it could be decided a second time. Throws where only that is known.
 */
export async function lookUpDecidedAt(
  sql: Sql,
  tenant: string,
  operationId: string,
): Promise<DecidedAt | undefined> {
  const { rows } = await sql.query<DecidedAtRow>(DECIDED_AT_SQL, [tenant, operationId, TOPICS.events], {
    timeoutMs: LOOK_TIMEOUT_MS,
  });
  const [row] = rows;
  if (row === undefined) return undefined;
  const { commands_topic_id: topicId, command_partition: partition, command_offset: commandOffset } = row;
  if (commandOffset !== null) return { topicId, partition, commandOffset };
  throw new Error(`the decision of ${operationId} was put aside, and does not say of which command it is`);
}

type DecidedAtRow = Pick<OperationRow, 'command_partition'> & {
  readonly command_offset: bigint | null;
  readonly commands_topic_id: string | null;
};

// Decisions of two topics never stand in one projection: the position of its partition says of which all are.
const DECIDED_AT_SQL = `SELECT o.command_partition, o.command_offset, p.commands_topic_id
  FROM (
    SELECT command_partition, command_offset FROM ${VIEWS.operations} WHERE tenant = $1 AND event_id = $2
    UNION ALL
    SELECT partition, command_offset FROM ${VIEWS.deadLetters} WHERE topic = $3 AND tenant = $1 AND event_id = $2
  ) o
  LEFT JOIN ${VIEWS.offsets} p ON p.topic = $3 AND p.partition = o.command_partition
  ORDER BY o.command_offset LIMIT 1`;

/** A hung writer must not stop the ticks for long. */
const LOOK_TIMEOUT_MS = 1000;

/**
 * Waits for decisions as the writer shows them: it has them first, and one query per tick costs it nothing that grows with
 * the number of those who wait. Whoever reads from a replica afterwards has a token for it.
 */
export function openDecisions(
  settings: { readonly DECISION_TICK_MS: number; readonly MAX_WAITING: number },
  sql: Sql,
  onLookFailed: () => void,
): DecisionWaiter<LookedUp> {
  return new DecisionWaiter({
    look: (wanted) => lookUpDecisions(sql, wanted, LOOK_TIMEOUT_MS),
    tickMs: settings.DECISION_TICK_MS,
    maxWaiting: settings.MAX_WAITING,
    onLookFailed,
  });
}
