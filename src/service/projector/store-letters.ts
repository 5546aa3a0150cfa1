import type { SqlTransaction } from '../../clients/postgres/index.ts';
import type { Letter, ReplayRow } from './fold.ts';

/** How many replayed events changed something, and how many found it done. */
export interface ReplayOutcomes {
  readonly applied: number;
  readonly superseded: number;
}

// A replay that failed again raises the attempts; a letter that is settled stays settled.
const PARK = `
INSERT INTO uplift_service.dead_letters AS d
  (topic, topic_id, partition, event_offset, event_id, command_offset, error_code, attempts)
SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::text[], $6::bigint[], $7::text[], $8::int[])
ON CONFLICT (topic_id, partition, event_offset) DO UPDATE
SET attempts = GREATEST(d.attempts, EXCLUDED.attempts), error_code = EXCLUDED.error_code, parked_at = now()
WHERE d.outcome = 'parked'`;

const INSERT_REPLAYED_OPERATIONS = `
INSERT INTO uplift_service.operations
  (event_id, decision, reservation_id, reason, command_partition, command_offset, event_offset, repeats)
SELECT *, 0 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::bigint[], $7::bigint[])
ON CONFLICT DO NOTHING
RETURNING event_id`;

const INSERT_REPLAYED_RESERVATIONS = `
INSERT INTO uplift_service.reservations
  (reservation_id, tenant, resource, slot_start, slot_end, quantity, status, event_id, command_partition, command_offset, version)
SELECT id, tenant, resource, slot_start, slot_end, quantity, 'active', event_id, command_partition, command_offset, version
FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::int[], $7::text[], $8::int[],
    $9::bigint[], $10::int[])
  AS r(id, tenant, resource, slot_start, slot_end, quantity, event_id, command_partition, command_offset, version)
ON CONFLICT DO NOTHING
RETURNING event_id`;

// A letter this database never saw parked (written by another consumer, or before a restore) is entered as settled.
const SETTLE = `
INSERT INTO uplift_service.dead_letters AS d
  (topic, topic_id, partition, event_offset, event_id, command_offset, error_code, attempts, outcome, replay_id,
   applied_offset, settled_at)
SELECT *, now()
FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::text[], $6::bigint[], $7::text[], $8::int[], $9::text[],
  $10::text[], $11::bigint[])
ON CONFLICT (topic_id, partition, event_offset) DO UPDATE
SET outcome = EXCLUDED.outcome, replay_id = EXCLUDED.replay_id, applied_offset = EXCLUDED.applied_offset, settled_at = now()
WHERE d.outcome = 'parked'`;

/** Notes events that were put aside; their dead letters are acknowledged by Kafka before (S11). */
export async function parkLetters(tx: SqlTransaction, letters: readonly Letter[]): Promise<void> {
  if (letters.length === 0) return;
  const origins = letters.map(({ failure }) => failure.origin);
  await tx.query(PARK, [
    origins.map((origin) => origin.topic),
    origins.map((origin) => origin.topicId),
    origins.map((origin) => origin.partition),
    origins.map((origin) => origin.offset),
    letters.map((letter) => letter.eventId),
    letters.map((letter) => letter.commandOffset),
    letters.map((letter) => letter.failure.errorCode),
    letters.map((letter) => letter.failure.attempt),
  ]);
}

/**
 * Applies replayed events: one that makes a reservation applies iff its version is the row's plus one, and one without a
 * reservation iff its operation has no row yet; everything else is superseded (S11). Exactly once whatever is replayed
 * twice: the outcome stands in the same transaction as the effect.
 */
export async function applyReplays(
  tx: SqlTransaction,
  replays: readonly ReplayRow[],
): Promise<ReplayOutcomes> {
  const decided = replays.filter(({ decision }) => decision.eventId !== null);
  if (decided.length === 0) return { applied: 0, superseded: replays.length };
  const operations = await insertOperations(tx, firstOfEach(decided));
  const reservations = await insertReservations(tx, firstOfEach(decided));
  const isApplied = ({ decision: { eventId, reservation } }: ReplayRow): boolean =>
    eventId !== null && (reservation === null ? operations : reservations).has(eventId);
  const applied = decided.filter(isApplied);
  await settle(tx, decided, isApplied);
  return { applied: applied.length, superseded: replays.length - applied.length };
}

/** One row per event id: two in one statement would meet each other. */
function firstOfEach(replays: readonly ReplayRow[]): ReplayRow[] {
  return [...Map.groupBy(replays, ({ decision }) => decision.eventId).values()].flatMap(
    ([first]) => first ?? [],
  );
}

async function insertOperations(
  tx: SqlTransaction,
  rows: readonly ReplayRow[],
): Promise<ReadonlySet<string>> {
  const firsts = rows.filter(({ decision }) => decision.decision !== 'repeated');
  const { rows: inserted } = await tx.query<{ event_id: string }>(INSERT_REPLAYED_OPERATIONS, [
    firsts.map(({ decision }) => decision.eventId),
    firsts.map(({ decision }) => decision.decision),
    firsts.map(({ decision }) => decision.reservation?.id ?? null),
    firsts.map(({ decision }) => decision.reason),
    firsts.map(({ partition }) => partition),
    firsts.map(({ decision }) => BigInt(decision.commandOffset)),
    firsts.map(({ eventOffset }) => eventOffset),
  ]);
  return new Set(inserted.map((row) => row.event_id));
}

/** A row that is absent has version 0, so only version 1 follows it; later versions come with changes of a reservation. */
async function insertReservations(
  tx: SqlTransaction,
  rows: readonly ReplayRow[],
): Promise<ReadonlySet<string>> {
  const made = rows.flatMap((row) => {
    const { reservation, decision } = row.decision;
    return decision === 'accepted' && reservation !== null && row.version === 1
      ? [{ ...row, reservation }]
      : [];
  });
  if (made.length === 0) return new Set();
  const { rows: inserted } = await tx.query<{ event_id: string }>(INSERT_REPLAYED_RESERVATIONS, [
    made.map(({ reservation }) => reservation.id),
    made.map(({ reservation }) => reservation.tenant),
    made.map(({ reservation }) => reservation.resource),
    made.map(({ reservation }) => reservation.slot.start),
    made.map(({ reservation }) => reservation.slot.end),
    made.map(({ reservation }) => reservation.quantity),
    made.map(({ decision }) => decision.eventId),
    made.map(({ partition }) => partition),
    made.map(({ decision }) => BigInt(decision.commandOffset)),
    made.map(({ version }) => version),
  ]);
  return new Set(inserted.map((row) => row.event_id));
}

async function settle(
  tx: SqlTransaction,
  replays: readonly ReplayRow[],
  isApplied: (row: ReplayRow) => boolean,
): Promise<void> {
  await tx.query(SETTLE, [
    replays.map(({ origin }) => origin.topic),
    replays.map(({ origin }) => origin.topicId),
    replays.map(({ origin }) => origin.partition),
    replays.map(({ origin }) => origin.offset),
    replays.map(({ decision }) => decision.eventId),
    replays.map(({ decision }) => BigInt(decision.commandOffset)),
    replays.map(() => 'unknown'),
    replays.map(({ attempt }) => attempt),
    replays.map((row) => (isApplied(row) ? 'applied' : 'superseded')),
    replays.map(({ replayId }) => replayId),
    replays.map(({ eventOffset }) => eventOffset),
  ]);
}
