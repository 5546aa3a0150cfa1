import type { Sql } from '../../../clients/postgres/index.ts';
import type { Operation, Reservation } from '../../../contract/http.ts';
import type { ReadStatement } from '../reader.ts';
import {
  type OperationRow,
  operationOf,
  operationStatement,
  type ReservationRow,
  reservationOf,
  reservationStatement,
} from '../reads.ts';

/** What a gateway answers of an operation of this tenant. */
export async function readOperation(sql: Sql, id: string, tenant: string): Promise<Operation | undefined> {
  const row = await first<OperationRow>(sql, operationStatement(tenant, id));
  return row && operationOf(row);
}

/** What a gateway answers of a reservation of this tenant. */
export async function readReservation(
  sql: Sql,
  id: string,
  tenant: string,
): Promise<Reservation | undefined> {
  const row = await first<ReservationRow>(sql, reservationStatement(tenant, id));
  return row && reservationOf(row);
}

async function first<R extends object>(sql: Sql, { text, values }: ReadStatement): Promise<R | undefined> {
  return (await sql.query<R>(text, values)).rows[0];
}
