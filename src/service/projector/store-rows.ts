import type { Sql, SqlTransaction, SqlValue } from '../../clients/postgres/index.ts';
import type { ReservationState } from '../../contract/records.ts';
import type { OperationRow, ReservationRow } from './rows.ts';
import { reservationKey } from './versions.ts';

/** What was read before the transaction stands otherwise now: it is rolled back, and everything read again. */
export class Moved extends Error {}

// DO UPDATE with an unchanged row would rewrite it: rows that repeat nothing are left alone.
const UPSERT_OPERATIONS = `
INSERT INTO uplift_service.operations AS o
  (tenant, event_id, decision, reservation_id, reason, command_partition, command_offset, event_offset, repeats)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::bigint[], $8::bigint[],
  $9::int[])
ON CONFLICT (tenant, event_id) DO UPDATE SET repeats = o.repeats + EXCLUDED.repeats WHERE EXCLUDED.repeats > 0
RETURNING event_id, xmax = 0 AS inserted`;

const INSERT_RESERVATIONS = `
INSERT INTO uplift_service.reservations
  (tenant, reservation_id, resource, slot_start, slot_end, quantity, status, hold_until, version, event_id,
   command_partition, command_offset, changed_offset)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::int[], $7::text[],
  $8::timestamptz[], $9::int[], $10::text[], $11::int[], $12::bigint[], $13::bigint[])
ON CONFLICT DO NOTHING
RETURNING tenant, reservation_id`;

const UPDATE_RESERVATIONS = `
UPDATE uplift_service.reservations r
SET slot_start = w.slot_start, slot_end = w.slot_end, quantity = w.quantity, status = w.status,
  hold_until = w.hold_until, version = w.version, changed_offset = w.changed_offset
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::int[], $6::text[], $7::timestamptz[],
    $8::int[], $9::bigint[], $10::int[])
  AS w(tenant, reservation_id, slot_start, slot_end, quantity, status, hold_until, version, changed_offset, before)
WHERE r.tenant = w.tenant AND r.reservation_id = w.reservation_id AND r.version = w.before
RETURNING r.tenant, r.reservation_id`;

/** Versions of these reservations, by `reservationKey`; one that has no row is left out. */
export async function loadVersions(
  sql: Sql,
  wanted: readonly ReservationState[],
): Promise<ReadonlyMap<string, number>> {
  if (wanted.length === 0) return new Map();
  const { rows } = await sql.query<{ tenant: string; reservation_id: string; version: number }>(
    `SELECT r.tenant, r.reservation_id, r.version
     FROM unnest($1::text[], $2::text[]) AS w(tenant, reservation_id)
     JOIN uplift_service.reservations r USING (tenant, reservation_id)`,
    [wanted.map(({ tenant }) => tenant), wanted.map(({ id }) => id)],
  );
  return new Map(
    rows.map((row) => [reservationKey({ tenant: row.tenant, id: row.reservation_id }), row.version]),
  );
}

/** Answers how many first decisions met an operation that was there: their ids were decided once before. */
export async function writeOperations(
  tx: SqlTransaction,
  operations: readonly OperationRow[],
): Promise<number> {
  if (operations.length === 0) return 0;
  const { rows } = await tx.query<{ event_id: string; inserted: boolean }>(UPSERT_OPERATIONS, [
    operations.map((row) => row.tenant),
    operations.map((row) => row.eventId),
    operations.map((row) => row.decision),
    operations.map((row) => row.reservationId),
    operations.map((row) => row.reason),
    operations.map((row) => row.partition),
    operations.map((row) => row.commandOffset),
    operations.map((row) => row.eventOffset),
    operations.map((row) => row.repeats),
  ]);
  const inserted = new Set(rows.filter((row) => row.inserted).map((row) => row.event_id));
  return operations.filter((row) => row.isFirst && !inserted.has(row.eventId)).length;
}

/**
 * Answers how many reservations were not made because their id or event id was there: a tripwire, never expected.
 * Throws Moved when one that is changed has another version by now.
 */
export async function writeReservations(
  tx: SqlTransaction,
  reservations: readonly ReservationRow[],
): Promise<number> {
  const made = reservations.filter(({ before }) => before === 0);
  const changed = reservations.filter(({ before }) => before > 0);
  const inserted = await insertReservations(tx, made);
  const updated = await updateReservations(tx, changed);
  if (updated.size !== changed.length)
    throw new Moved(`${changed.length - updated.size} reservations have another version by now`);
  return made.length - inserted.size;
}

/** Makes rows; answers the keys of those that were not there. */
export async function insertReservations(
  tx: SqlTransaction,
  rows: readonly ReservationRow[],
): Promise<ReadonlySet<string>> {
  if (rows.length === 0) return new Set();
  const states = rows.map((row) => row.reservation);
  const { rows: done } = await tx.query<{ tenant: string; reservation_id: string }>(INSERT_RESERVATIONS, [
    states.map(({ tenant }) => tenant),
    states.map(({ id }) => id),
    states.map(({ resource }) => resource),
    ...columnsOf(states),
    rows.map(({ eventId }) => eventId),
    rows.map(({ partition }) => partition),
    rows.map(({ commandOffset }) => commandOffset),
    rows.map(({ changedOffset }) => changedOffset),
  ]);
  return keysOf(done);
}

/** Changes rows that stand at the version before; answers the keys of those that did. */
export async function updateReservations(
  tx: SqlTransaction,
  rows: readonly ReservationRow[],
): Promise<ReadonlySet<string>> {
  if (rows.length === 0) return new Set();
  const states = rows.map((row) => row.reservation);
  const { rows: done } = await tx.query<{ tenant: string; reservation_id: string }>(UPDATE_RESERVATIONS, [
    states.map(({ tenant }) => tenant),
    states.map(({ id }) => id),
    ...columnsOf(states),
    rows.map(({ changedOffset }) => changedOffset),
    rows.map(({ before }) => before),
  ]);
  return keysOf(done);
}

/** slot_start, slot_end, quantity, status, hold_until, version. */
function columnsOf(states: readonly ReservationState[]): SqlValue[] {
  return [
    states.map(({ slot }) => slot.start),
    states.map(({ slot }) => slot.end),
    states.map(({ quantity }) => quantity),
    states.map(({ status }) => status),
    states.map(({ holdUntilMs }) => (holdUntilMs === null ? null : new Date(holdUntilMs).toISOString())),
    states.map(({ version }) => version),
  ];
}

function keysOf(
  rows: readonly { readonly tenant: string; readonly reservation_id: string }[],
): ReadonlySet<string> {
  return new Set(rows.map((row) => reservationKey({ tenant: row.tenant, id: row.reservation_id })));
}
