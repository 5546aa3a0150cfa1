import type { Sql, SqlTransaction } from '../../clients/postgres/index.ts';
import { TOPICS } from '../../contract/records.ts';
import type { Position, Projection } from './fold.ts';
import { applyReplays, parkLetters, type ReplayOutcomes } from './store-letters.ts';

/** A row of the offsets table. */
export interface StoredPosition extends Position {
  readonly topicId: string;
}

/**
 * How the write of a projection ended. `again`: nothing may be assumed (another writer was first, or COMMIT did not
 * say); read the offsets again and go on from there.
 */
export type Applied =
  | {
      readonly state: 'applied';
      /** Event ids or reservation ids that stood there already. */
      readonly crossed: number;
      readonly replays: ReplayOutcomes;
    }
  | { readonly state: 'again'; readonly reason: string };

/** The offsets moved under us: the transaction is rolled back. */
class Moved extends Error {}

// FOR UPDATE in partition order: two projectors that meet wait for each other instead of locking each other out (S4).
const MOVE_OFFSETS = `
WITH wanted AS (
  SELECT * FROM unnest($2::int[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::int[])
    AS w(partition, expected, next_offset, decided_through, log_time_ms, leader_epoch)
), locked AS (
  SELECT o.partition FROM uplift_service.offsets o JOIN wanted w ON w.partition = o.partition
  WHERE o.topic = '${TOPICS.events}' AND o.topic_id = $1 ORDER BY o.partition FOR UPDATE OF o
)
UPDATE uplift_service.offsets o
SET next_offset = w.next_offset, leader_epoch = w.leader_epoch, decided_through = w.decided_through,
  log_time_ms = w.log_time_ms, updated_at = now()
FROM wanted w JOIN locked l ON l.partition = w.partition
WHERE o.topic = '${TOPICS.events}' AND o.topic_id = $1 AND o.partition = w.partition AND o.next_offset = w.expected`;

// DO UPDATE with an unchanged row would rewrite it: rows that repeat nothing are left alone.
const UPSERT_OPERATIONS = `
INSERT INTO uplift_service.operations AS o
  (event_id, decision, reservation_id, reason, command_partition, command_offset, event_offset, repeats)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::bigint[], $7::bigint[], $8::int[])
ON CONFLICT (event_id) DO UPDATE SET repeats = o.repeats + EXCLUDED.repeats WHERE EXCLUDED.repeats > 0
RETURNING event_id, xmax = 0 AS inserted`;

const INSERT_RESERVATIONS = `
INSERT INTO uplift_service.reservations
  (reservation_id, tenant, resource, slot_start, slot_end, quantity, status, event_id, command_partition, command_offset, version)
SELECT id, tenant, resource, slot_start, slot_end, quantity, 'active', event_id, command_partition, command_offset, 1
FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::int[], $7::text[], $8::int[], $9::bigint[])
  AS r(id, tenant, resource, slot_start, slot_end, quantity, event_id, command_partition, command_offset)
ON CONFLICT DO NOTHING`;

/** Offsets of these partitions; partitions seen for the first time get a row that starts at 0 of this topic id. */
export async function loadPositions(
  sql: Sql,
  topicId: string,
  partitions: readonly number[],
): Promise<ReadonlyMap<number, StoredPosition>> {
  await sql.query(
    `INSERT INTO uplift_service.offsets (topic, topic_id, partition, next_offset)
     SELECT '${TOPICS.events}', $1, p, 0 FROM unnest($2::int[]) AS p ORDER BY p ON CONFLICT DO NOTHING`,
    [topicId, partitions],
  );
  const { rows } = await sql.query<{
    topic_id: string;
    partition: number;
    next_offset: bigint;
    leader_epoch: number;
    decided_through: bigint;
    log_time_ms: bigint;
  }>(
    `SELECT topic_id, partition, next_offset, leader_epoch, decided_through, log_time_ms FROM uplift_service.offsets
     WHERE topic = '${TOPICS.events}' AND partition = ANY($1::int[])`,
    [partitions],
  );
  return new Map(
    rows.map((row) => [
      row.partition,
      {
        topicId: row.topic_id,
        nextOffset: row.next_offset,
        leaderEpoch: row.leader_epoch,
        decidedThrough: row.decided_through,
        logTimeMs: Number(row.log_time_ms),
      },
    ]),
  );
}

/** Writes a projection and moves its offsets in one transaction (S4). */
export async function applyProjection(sql: Sql, topicId: string, projection: Projection): Promise<Applied> {
  try {
    const end = await sql.transaction(async (tx) => {
      await moveOffsets(tx, topicId, projection);
      const crossed = Math.max(
        await writeOperations(tx, projection),
        await writeReservations(tx, projection),
      );
      await parkLetters(tx, projection.letters);
      return { crossed, replays: await applyReplays(tx, projection.replays) };
    });
    if (end.state === 'committed') return { state: 'applied', ...end.value };
    return { state: 'again', reason: `COMMIT ${end.state}: ${end.reason}` };
  } catch (error) {
    if (error instanceof Moved) return { state: 'again', reason: error.message };
    throw error;
  }
}

async function moveOffsets(tx: SqlTransaction, topicId: string, { moves }: Projection): Promise<void> {
  const { rowCount } = await tx.query(MOVE_OFFSETS, [
    topicId,
    moves.map((move) => move.partition),
    moves.map((move) => move.from.nextOffset),
    moves.map((move) => move.to.nextOffset),
    moves.map((move) => move.to.decidedThrough),
    moves.map((move) => move.to.logTimeMs),
    moves.map((move) => move.to.leaderEpoch),
  ]);
  if (rowCount !== moves.length)
    throw new Moved(`${moves.length - rowCount} of ${moves.length} offsets are not where they were`);
}

/** Answers how many first decisions met an operation that was there: their ids were decided once before. */
async function writeOperations(tx: SqlTransaction, { operations }: Projection): Promise<number> {
  if (operations.length === 0) return 0;
  const { rows } = await tx.query<{ event_id: string; inserted: boolean }>(UPSERT_OPERATIONS, [
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

/** Answers how many reservations were not written because their id or event id was there: a tripwire, never expected. */
async function writeReservations(tx: SqlTransaction, { reservations }: Projection): Promise<number> {
  if (reservations.length === 0) return 0;
  const { rowCount } = await tx.query(INSERT_RESERVATIONS, [
    reservations.map((row) => row.reservation.id),
    reservations.map((row) => row.reservation.tenant),
    reservations.map((row) => row.reservation.resource),
    reservations.map((row) => row.reservation.slot.start),
    reservations.map((row) => row.reservation.slot.end),
    reservations.map((row) => row.reservation.quantity),
    reservations.map((row) => row.eventId),
    reservations.map((row) => row.partition),
    reservations.map((row) => row.commandOffset),
  ]);
  return reservations.length - rowCount;
}
