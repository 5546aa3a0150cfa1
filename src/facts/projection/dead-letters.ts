import { VIEWS } from '../../contract/projection.ts';
import type { AskPostgres } from '../ask-postgres.ts';

/** One row of the view uplift_dead_letters, with how many operations its event has. */
export interface DeadLetterRow {
  readonly topicId: string;
  readonly partition: number;
  readonly eventOffset: bigint;
  /** Null where the event could not be read that far. */
  readonly eventId: string | null;
  readonly attempts: number;
  readonly outcome: 'parked' | 'applied' | 'superseded';
  readonly replayId: string | null;
  readonly appliedOffset: bigint | null;
  /** Rows of uplift_operations for its tenant and event id; null where these are not known. */
  readonly operations: number | null;
}

/** Where a record first stood. */
export interface OriginPosition {
  readonly topicId: string;
  readonly partition: number;
  readonly offset: bigint;
}

const CHUNK = 5_000;
const ROWS = `SELECT d.topic_id, d.partition, d.event_offset::text AS event_offset, d.event_id, d.attempts, d.outcome, d.replay_id,
  d.applied_offset::text AS applied_offset,
  CASE WHEN d.event_id IS NOT NULL AND d.tenant IS NOT NULL THEN
    (SELECT count(*)::int FROM ${VIEWS.operations} o WHERE o.tenant = d.tenant AND o.event_id = d.event_id)
  END AS operations
FROM ${VIEWS.deadLetters} d
JOIN unnest($1::text[], $2::int[], $3::bigint[]) AS wanted (topic_id, partition, event_offset)
  USING (topic_id, partition, event_offset)`;

/** Whether this database has a projection that puts events aside. */
export async function hasDeadLetterView(ask: AskPostgres, timeoutMs: number): Promise<boolean> {
  const { rows } = await ask.query<{ there: boolean }>(
    'SELECT to_regclass($1) IS NOT NULL AS there',
    [VIEWS.deadLetters],
    { timeoutMs },
  );
  return rows[0]?.there === true;
}

/** What the projection has made of these dead letters; one without a row is not in the answer. */
export async function readDeadLetterRows(
  ask: AskPostgres,
  origins: readonly OriginPosition[],
  timeoutMs: number,
): Promise<DeadLetterRow[]> {
  const found: DeadLetterRow[] = [];
  for (let from = 0; from < origins.length; from += CHUNK) {
    const chunk = origins.slice(from, from + CHUNK);
    const { rows } = await ask.query(
      ROWS,
      [
        chunk.map(({ topicId }) => topicId),
        chunk.map(({ partition }) => partition),
        chunk.map(({ offset }) => offset),
      ],
      { timeoutMs },
    );
    found.push(...rows.map(rowOf));
  }
  return found;
}

function rowOf(row: Record<string, unknown>): DeadLetterRow {
  const textOrNull = (value: unknown): string | null => (value === null ? null : String(value));
  const outcome = String(row.outcome);
  return {
    topicId: String(row.topic_id),
    partition: Number(row.partition),
    eventOffset: BigInt(String(row.event_offset)),
    eventId: textOrNull(row.event_id),
    attempts: Number(row.attempts),
    outcome: outcome === 'applied' || outcome === 'superseded' ? outcome : 'parked',
    replayId: textOrNull(row.replay_id),
    appliedOffset: row.applied_offset === null ? null : BigInt(String(row.applied_offset)),
    operations: row.operations === null ? null : Number(row.operations),
  };
}
