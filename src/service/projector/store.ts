import type { Sql, SqlTransaction } from '../../clients/postgres/index.ts';
import { TOPICS } from '../../contract/records.ts';
import type { Position, Projection } from './fold.ts';
import { applyReplays, parkLetters, type ReplayOutcomes } from './store-letters.ts';
import { Moved, writeOperations, writeReservations } from './store-rows.ts';

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

// FOR UPDATE in partition order: two projectors that meet wait for each other instead of locking each other out (S4).
// Once the commands topic is known it never changes: `decided_through` of another one is not written over it.
const MOVE_OFFSETS = `
WITH wanted AS (
  SELECT * FROM unnest($2::int[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::int[], $8::text[])
    AS w(partition, expected, next_offset, decided_through, log_time_ms, leader_epoch, commands_topic_id)
), locked AS (
  SELECT o.partition FROM uplift_service.offsets o JOIN wanted w ON w.partition = o.partition
  WHERE o.topic = '${TOPICS.events}' AND o.topic_id = $1 ORDER BY o.partition FOR UPDATE OF o
)
UPDATE uplift_service.offsets o
SET next_offset = w.next_offset, leader_epoch = w.leader_epoch, decided_through = w.decided_through,
  log_time_ms = w.log_time_ms, commands_topic_id = COALESCE(w.commands_topic_id, o.commands_topic_id), updated_at = now()
FROM wanted w JOIN locked l ON l.partition = w.partition
WHERE o.topic = '${TOPICS.events}' AND o.topic_id = $1 AND o.partition = w.partition AND o.next_offset = w.expected
  AND (o.commands_topic_id = w.commands_topic_id) IS NOT FALSE`;

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
    commands_topic_id: string | null;
    log_time_ms: bigint;
  }>(
    `SELECT topic_id, partition, next_offset, leader_epoch, decided_through, commands_topic_id, log_time_ms
     FROM uplift_service.offsets WHERE topic = '${TOPICS.events}' AND partition = ANY($1::int[])`,
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
        commandsTopicId: row.commands_topic_id,
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
        await writeOperations(tx, projection.operations),
        (await writeReservations(tx, projection.reservations)) + projection.crossed,
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
    moves.map((move) => move.to.commandsTopicId),
  ]);
  if (rowCount !== moves.length)
    throw new Moved(`${moves.length - rowCount} of ${moves.length} offsets are not where they were`);
}
