import type { Sql } from '../../clients/postgres/index.ts';
import { type Operation, operationSchema, type Reservation, reservationSchema } from '../../contract/http.ts';
import { VIEWS } from '../../contract/projection.ts';
import { TOPICS } from '../../contract/records.ts';
import type { Seen } from './consistent.ts';
import { type Awaited, awaitedKey } from './waiter.ts';

// The position of the asked partition beside the row, by one statement: together they are of one moment (S10).
const DECIDED = `(SELECT decided_through FROM ${VIEWS.offsets} WHERE topic = '${TOPICS.events}' AND partition = $3)`;
const OPERATION_SQL = `SELECT ${DECIDED} AS decided_through, o.event_id, o.decision, o.reservation_id, o.reason,
    o.command_partition, o.command_offset
  FROM (SELECT 1) AS one LEFT JOIN ${VIEWS.operations} o ON o.tenant = $2 AND o.event_id = $1`;
const RESERVATION_SQL = `SELECT ${DECIDED} AS decided_through, r.reservation_id, r.tenant, r.resource, r.slot_start, r.slot_end,
    r.quantity, r.status, r.hold_until, r.version, r.event_id
  FROM (SELECT 1) AS one LEFT JOIN ${VIEWS.reservations} r ON r.tenant = $2 AND r.reservation_id = $1`;

/** Beside every row; the rest of it is null where there is none. */
interface Decided {
  readonly decided_through: bigint | null;
}

interface OperationRow {
  readonly event_id: string;
  readonly decision: string;
  readonly reservation_id: string | null;
  readonly reason: string | null;
  readonly command_partition: number;
  readonly command_offset: bigint;
}

interface ReservationRow {
  readonly reservation_id: string;
  readonly tenant: string;
  readonly resource: string;
  readonly slot_start: Date;
  readonly slot_end: Date;
  readonly quantity: number;
  readonly status: string;
  readonly hold_until: Date | null;
  readonly version: number;
  readonly event_id: string;
}

const OPERATIONS_SQL = `SELECT o.tenant, o.event_id, o.decision, o.reservation_id, o.reason, o.command_partition, o.command_offset
  FROM unnest($1::text[], $2::text[]) AS w(tenant, event_id) JOIN ${VIEWS.operations} o USING (tenant, event_id)`;

/** Those of these operations that are decided, by `awaitedKey`. */
export async function readOperations(
  sql: Sql,
  awaited: readonly Awaited[],
): Promise<ReadonlyMap<string, Operation>> {
  const { rows } = await sql.query<OperationRow & { readonly tenant: string }>(OPERATIONS_SQL, [
    awaited.map(({ tenant }) => tenant),
    awaited.map(({ operationId }) => operationId),
  ]);
  return new Map(
    rows.map((row) => [awaitedKey({ tenant: row.tenant, operationId: row.event_id }), operationOf(row)]),
  );
}

/**
 * The first decision of a tenant's operation, undefined while the projection has none; with how far commands of the
 * partition are decided there (-1: nothing, or no partition was asked about).
 */
export async function readOperation(
  sql: Sql,
  operationId: string,
  tenant: string,
  partition: number | null = null,
): Promise<Seen<Operation | undefined>> {
  const { rows } = await sql.query<OperationRow & Decided>(OPERATION_SQL, [operationId, tenant, partition]);
  const [row] = rows;
  const isThere = row !== undefined && row.event_id !== null;
  return { decidedThrough: row?.decided_through ?? -1n, answer: isThere ? operationOf(row) : undefined };
}

function operationOf(row: OperationRow): Operation {
  return operationSchema.parse({
    operationId: row.event_id,
    decision: row.decision,
    reservationId: row.reservation_id,
    reason: row.reason,
    commandPartition: row.command_partition,
    commandOffset: row.command_offset.toString(),
  });
}

/** A reservation of this tenant, or undefined; with how far commands of the partition are decided there. */
export async function readReservation(
  sql: Sql,
  id: string,
  tenant: string,
  partition: number | null = null,
): Promise<Seen<Reservation | undefined>> {
  const { rows } = await sql.query<ReservationRow & Decided>(RESERVATION_SQL, [id, tenant, partition]);
  const [row] = rows;
  const isThere = row !== undefined && row.reservation_id !== null;
  return { decidedThrough: row?.decided_through ?? -1n, answer: isThere ? reservationOf(row) : undefined };
}

function reservationOf(row: ReservationRow): Reservation {
  return reservationSchema.parse({
    reservationId: row.reservation_id,
    tenant: row.tenant,
    resource: row.resource,
    slot: { start: row.slot_start.toISOString(), end: row.slot_end.toISOString() },
    quantity: row.quantity,
    status: row.status,
    holdUntil: row.hold_until?.toISOString() ?? null,
    version: row.version,
    operationId: row.event_id,
  });
}
