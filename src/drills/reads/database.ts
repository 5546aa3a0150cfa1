import { VIEWS } from '../../contract/projection.ts';
import type { DecisionKind } from '../../contract/records.ts';
import type { AskPostgres } from '../../facts/ask-postgres.ts';
import { hasDeadLetterView } from '../../facts/projection/dead-letters.ts';
import { foldPostgres, type PostgresFold } from '../../load/final-folds.ts';
import type { PostgresRead } from '../../load/final-reads.ts';

const CHUNK = 5_000;

interface ReservationSql {
  readonly reservation_id: string;
  readonly event_id: string;
  readonly resource: string;
  readonly slot_start: Date;
  readonly slot_end: Date;
  readonly quantity: number;
  readonly status: string;
  readonly version: number;
}

interface OperationSql {
  readonly event_id: string;
  readonly decision: DecisionKind;
  readonly reservation_id: string | null;
}

const RESERVATIONS = `SELECT reservation_id, event_id, resource, slot_start, slot_end, quantity, status, version FROM ${VIEWS.reservations} WHERE tenant = $1`;
const OPERATIONS = `SELECT event_id, decision, reservation_id FROM ${VIEWS.operations} WHERE tenant = $2 AND event_id = ANY($1)`;
const PARKED = `SELECT event_id FROM ${VIEWS.deadLetters} WHERE outcome = 'parked' AND event_id = ANY($1)`;
const PARKED_WITHOUT_ID = `SELECT partition, event_offset::text AS event_offset FROM ${VIEWS.deadLetters} WHERE outcome = 'parked' AND event_id IS NULL AND topic = $1`;
const OFFSETS = `SELECT partition, decided_through::text AS decided_through FROM ${VIEWS.offsets} WHERE topic = $1`;

/** Reads what one server has of a tenant: its reservations, these operations and dead letters, and how far it is. Each server is asked directly. */
export async function readDatabase(request: {
  readonly ask: AskPostgres;
  readonly tenant: string;
  readonly eventIds: readonly string[];
  readonly topic: string;
  readonly timeoutMs: number;
}): Promise<PostgresRead> {
  const { ask, tenant, eventIds, timeoutMs } = request;
  const fold = foldPostgres();
  // Positions first: rows read after them can only be newer, so nothing counts as missing that came later.
  await readOffsets(fold, request, 'before');
  const reservations = await ask.query<ReservationSql>(RESERVATIONS, [tenant], { timeoutMs });
  for (const row of reservations.rows) {
    fold.reservation({
      reservationId: row.reservation_id,
      eventId: row.event_id,
      resource: row.resource,
      slotStartMs: row.slot_start.getTime(),
      slotEndMs: row.slot_end.getTime(),
      quantity: row.quantity,
      status: row.status,
      version: row.version,
    });
  }
  await readOffsets(fold, request, 'after');
  const putsAside = await hasDeadLetterView(ask, timeoutMs);
  if (putsAside) await readParkedWithoutId(fold, request);
  for (let from = 0; from < eventIds.length; from += CHUNK) {
    const ids = eventIds.slice(from, from + CHUNK);
    // Dead letters first: one that is applied in between then shows as both, and applied is what counts.
    const parked = putsAside
      ? await ask.query<{ event_id: string }>(PARKED, [ids], { timeoutMs })
      : undefined;
    for (const row of parked?.rows ?? []) fold.parked(row.event_id);
    const operations = await ask.query<OperationSql>(OPERATIONS, [ids, tenant], { timeoutMs });
    for (const row of operations.rows) {
      fold.operation({ eventId: row.event_id, decision: row.decision, reservationId: row.reservation_id });
    }
  }
  return fold.result();
}

interface TopicRead {
  readonly ask: AskPostgres;
  readonly topic: string;
  readonly timeoutMs: number;
}

async function readOffsets(
  fold: PostgresFold,
  { ask, topic, timeoutMs }: TopicRead,
  when: 'before' | 'after',
): Promise<void> {
  const offsets = await ask.query<{ partition: number; decided_through: string }>(OFFSETS, [topic], {
    timeoutMs,
  });
  for (const row of offsets.rows) fold.offset(row.partition, BigInt(row.decided_through), when);
}

async function readParkedWithoutId(fold: PostgresFold, { ask, topic, timeoutMs }: TopicRead): Promise<void> {
  const parked = await ask.query<{ partition: number; event_offset: string }>(PARKED_WITHOUT_ID, [topic], {
    timeoutMs,
  });
  for (const { partition, event_offset: offset } of parked.rows)
    fold.parkedAt({ partition, offset: BigInt(offset) });
}
