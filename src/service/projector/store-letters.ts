import type { SqlTransaction } from '../../clients/postgres/index.ts';
import { effectsOf, type ReservationState } from '../../contract/records.ts';
import type { Letter, ReplayRow } from './fold.ts';
import type { ReservationRow } from './rows.ts';
import { insertReservations, updateReservations } from './store-rows.ts';
import { reservationKey } from './versions.ts';

/** How many replayed events changed something, and how many found it done. */
export interface ReplayOutcomes {
  readonly applied: number;
  readonly superseded: number;
}

// A replay that failed again raises the attempts; a letter that is settled stays settled.
const PARK = `
INSERT INTO uplift_service.dead_letters AS d
  (topic, topic_id, partition, event_offset, tenant, event_id, command_offset, error_code, attempts, reservation_id)
SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::text[], $6::text[], $7::bigint[], $8::text[],
  $9::int[], $10::text[])
ON CONFLICT (topic_id, partition, event_offset) DO UPDATE
SET attempts = GREATEST(d.attempts, EXCLUDED.attempts), error_code = EXCLUDED.error_code, parked_at = now()
WHERE d.outcome = 'parked'`;

const INSERT_REPLAYED_OPERATIONS = `
INSERT INTO uplift_service.operations
  (tenant, event_id, decision, reservation_id, reason, command_partition, command_offset, event_offset, repeats)
SELECT *, 0 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::bigint[], $8::bigint[])
ON CONFLICT DO NOTHING
RETURNING event_id`;

// A letter this database never saw parked (written by another consumer, or before a restore) is entered as settled.
const SETTLE = `
INSERT INTO uplift_service.dead_letters AS d
  (topic, topic_id, partition, event_offset, tenant, event_id, command_offset, error_code, attempts, outcome, replay_id,
   applied_offset, settled_at)
SELECT *, now()
FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::int[],
  $10::text[], $11::text[], $12::bigint[])
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
    letters.map((letter) => letter.tenant),
    letters.map((letter) => letter.eventId),
    letters.map((letter) => letter.commandOffset),
    letters.map((letter) => letter.failure.errorCode),
    letters.map((letter) => letter.failure.attempt),
    letters.map((letter) => letter.reservationId),
  ]);
}

/**
 * Applies replayed events: each reservation that one makes or changes iff its version is the row's plus one, one without
 * any iff its operation has no row yet; everything else is superseded (S11). Exactly once whatever is replayed twice: the
 * outcome stands in the same transaction as the effect.
 */
export async function applyReplays(
  tx: SqlTransaction,
  replays: readonly ReplayRow[],
): Promise<ReplayOutcomes> {
  if (replays.length === 0) return { applied: 0, superseded: 0 };
  const operations = await insertOperations(tx, replays);
  const changed = await applyEffects(tx, replays);
  const isApplied = (row: ReplayRow): boolean => {
    const { eventId } = row.decision;
    if (effectsOf(row.decision).length > 0) return changed.has(row);
    return eventId !== null && operations.has(eventId);
  };
  const applied = replays.filter(isApplied);
  await settle(tx, replays, isApplied);
  return { applied: applied.length, superseded: replays.length - applied.length };
}

async function insertOperations(
  tx: SqlTransaction,
  replays: readonly ReplayRow[],
): Promise<ReadonlySet<string>> {
  const firsts = new Map<string, ReplayRow & { readonly tenant: string }>();
  for (const row of replays) {
    const { decision, eventId, tenant } = row.decision;
    if (eventId === null || tenant === null || decision === 'repeated' || firsts.has(eventId)) continue;
    // One row per event id: two in one statement would meet each other.
    firsts.set(eventId, { ...row, tenant });
  }
  const rows = [...firsts.values()];
  if (rows.length === 0) return new Set();
  const { rows: inserted } = await tx.query<{ event_id: string }>(INSERT_REPLAYED_OPERATIONS, [
    rows.map(({ tenant }) => tenant),
    rows.map(({ decision }) => decision.eventId),
    rows.map(({ decision }) => decision.decision),
    rows.map(({ decision }) => decision.reservation?.id ?? null),
    rows.map(({ decision }) => decision.reason),
    rows.map(({ partition }) => partition),
    rows.map(({ decision }) => BigInt(decision.commandOffset)),
    rows.map(({ eventOffset }) => eventOffset),
  ]);
  return new Set(inserted.map((row) => row.event_id));
}

/** Version by version, so that a change follows the change before it, also within one batch. Answers what changed rows. */
async function applyEffects(
  tx: SqlTransaction,
  replays: readonly ReplayRow[],
): Promise<ReadonlySet<ReplayRow>> {
  const effects = replays.flatMap((replay) =>
    effectsOf(replay.decision).map((reservation) => ({ replay, row: rowOf(replay, reservation) })),
  );
  const byVersion = Map.groupBy(effects, ({ row }) => row.reservation.version);
  const changed = new Set<ReplayRow>();
  for (const [version, some] of [...byVersion].toSorted(([a], [b]) => a - b)) {
    const once = new Map(some.map((each) => [reservationKey(each.row.reservation), each]));
    const rows = [...once.values()].map(({ row }) => row);
    const done = version === 1 ? await insertReservations(tx, rows) : await updateReservations(tx, rows);
    for (const [key, { replay }] of once) if (done.has(key)) changed.add(replay);
  }
  return changed;
}

function rowOf({ decision, partition }: ReplayRow, reservation: ReservationState): ReservationRow {
  const commandOffset = BigInt(decision.commandOffset);
  const { eventId } = decision;
  const before = reservation.version - 1;
  return { reservation, before, eventId, partition, commandOffset, changedOffset: commandOffset };
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
    replays.map(({ decision }) => decision.tenant),
    replays.map(({ decision }) => decision.eventId),
    replays.map(({ decision }) => BigInt(decision.commandOffset)),
    replays.map(() => 'unknown'),
    replays.map(({ attempt }) => attempt),
    replays.map((row) => (isApplied(row) ? 'applied' : 'superseded')),
    replays.map(({ replayId }) => replayId),
    replays.map(({ eventOffset }) => eventOffset),
  ]);
}
