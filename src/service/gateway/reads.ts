import type { Sql } from '../../clients/postgres/index.ts';
import { type Operation, operationSchema, type Reservation, reservationSchema } from '../../contract/http.ts';
import { VIEWS } from '../../contract/projection.ts';

const OPERATION_SQL = `SELECT event_id, decision, reservation_id, reason, command_partition, command_offset
  FROM ${VIEWS.operations} WHERE tenant = $2 AND event_id = $1`;
const RESERVATION_SQL = `SELECT reservation_id, tenant, resource, slot_start, slot_end, quantity, status, hold_until, version, event_id
  FROM ${VIEWS.reservations} WHERE tenant = $2 AND reservation_id = $1`;

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

/** The first decision of a tenant's operation, or undefined while the projection has none. */
export async function readOperation(
  sql: Sql,
  operationId: string,
  tenant: string,
): Promise<Operation | undefined> {
  const { rows } = await sql.query<OperationRow>(OPERATION_SQL, [operationId, tenant]);
  const row = rows[0];
  if (row === undefined) return undefined;
  return operationSchema.parse({
    operationId: row.event_id,
    decision: row.decision,
    reservationId: row.reservation_id,
    reason: row.reason,
    commandPartition: row.command_partition,
    commandOffset: row.command_offset.toString(),
  });
}

/** A reservation of this tenant. */
export async function readReservation(
  sql: Sql,
  id: string,
  tenant: string,
): Promise<Reservation | undefined> {
  const { rows } = await sql.query<ReservationRow>(RESERVATION_SQL, [id, tenant]);
  const row = rows[0];
  if (row === undefined) return undefined;
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
