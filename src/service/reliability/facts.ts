import type { Sql } from '../../clients/postgres/index.ts';
import { VIEWS } from '../../contract/projection.ts';
import { TOPICS } from '../../contract/records.ts';
import type { Known } from '../../contract/reliability.ts';
import { BEHIND } from '../projector/fold.ts';
import { readReports } from '../reports/store.ts';
import { SWEEP_RULES } from '../sweeper/plan.ts';
import { gatewaysOf, iso, projectorsOf, sweepersOf } from './processes.ts';

/** A known fact without its wrapping. */
export type Value<K extends 'idempotency' | 'unknownOutcomes' | 'sweeper' | 'deadLetters' | 'projection'> =
  Omit<Known<K>, 'state' | 'observedAt'>;

/** More claims than this are not counted: a look must stay cheap in the very hour that Redis is away. */
const MOST_CLAIMS = 20_000;
const SHOWN_OPERATIONS = 20;
/** So much of a command's time must be left for it to be sent again: what the sweeper itself asks for. */
export const NEEDED_MS = SWEEP_RULES.marginMs + SWEEP_RULES.leastProduceMs;

/** The clock of the database, in ms. */
export const NOW_MS = `(extract(epoch from clock_timestamp()) * 1000)::bigint`;

// The entries are JSON of ours (claim-entry.ts): "t" is the token of a finished one, "u" until when one runs.
const HELD = `SELECT count(*) AS total,
    count(*) FILTER (WHERE value LIKE '%"t":%') AS finished,
    count(*) FILTER (WHERE value NOT LIKE '%"t":%' AND substring(value from '"u":([0-9]+)')::bigint > ${NOW_MS}) AS running
  FROM (SELECT value FROM uplift_service.idempotency_claims WHERE expires_at > now() LIMIT $1) held`;

const OPEN = `SELECT ${NOW_MS} AS now_ms, count(*) AS waiting,
    count(*) FILTER (WHERE due_at <= now()) AS due,
    count(*) FILTER (WHERE appended_offset IS NOT NULL) AS in_log,
    count(*) FILTER (WHERE not_after_ms >= ${NOW_MS} + $1) AS retryable,
    min(stored_at) AS oldest, min(due_at) FILTER (WHERE due_at > now()) AS next_due,
    (extract(epoch from now() - min(due_at) FILTER (WHERE due_at <= now())) * 1000)::float8 AS overdue_ms,
    coalesce(max(attempts), 0) AS most_attempts
  FROM uplift_service.unknown_outcomes WHERE outcome = 'open'`;
// What was given up and turned out to be decided has found its end all the same.
export const UNDECIDED = `NOT EXISTS (SELECT 1 FROM ${VIEWS.operations} o WHERE o.tenant = u.tenant AND o.event_id = u.event_id)`;
const GIVEN_UP = `SELECT coalesce(given_up_for, 'not noted') AS reason, count(*) AS n,
    count(*) FILTER (WHERE not_after_ms >= ${NOW_MS} + $1 AND given_up_for IS DISTINCT FROM 'unknown-topic-replaced') AS retryable
  FROM uplift_service.unknown_outcomes u WHERE outcome = 'deadLettered' AND ${UNDECIDED} GROUP BY 1 ORDER BY 2 DESC, 1`;
const OLDEST = `SELECT event_id, outcome, appended_offset IS NOT NULL AS in_log, attempts, stored_at, not_after_ms,
    given_up_for
  FROM uplift_service.unknown_outcomes u WHERE outcome = 'open' OR (outcome = 'deadLettered' AND ${UNDECIDED})
  ORDER BY stored_at, event_id LIMIT $1`;

const PARKED = `SELECT error_code AS reason, count(*) AS n, min(parked_at) AS oldest
  FROM uplift_service.dead_letters WHERE outcome = 'parked' GROUP BY 1 ORDER BY 2 DESC, 1`;
const BLOCKED = `SELECT count(DISTINCT (tenant, reservation_id)) AS n FROM uplift_service.dead_letters
  WHERE outcome = 'parked' AND error_code = $1 AND reservation_id IS NOT NULL`;

const POSITIONS = `SELECT count(*) AS partitions, max(updated_at) AS moved_at, max(log_time_ms) AS log_time_ms
  FROM uplift_service.offsets WHERE topic = $1`;

const CLOCK = `SELECT ${NOW_MS} AS now_ms`;

const clockOf = async (sql: Sql): Promise<number> =>
  Number((await sql.query<{ now_ms: bigint }>(CLOCK)).rows[0]?.now_ms ?? 0n);
const isoOf = (date: Date | null): string | null => date?.toISOString() ?? null;
const isoOfMs = (ms: number | null): string | null => (ms === null ? null : iso(ms));

/** Throws, as all of these, what Postgres answers instead; also when no gateway has said anything to be told. */
export async function lookAtIdempotency(sql: Sql): Promise<Value<'idempotency'>> {
  const [rows, nowMs, held] = await Promise.all([
    readReports(sql),
    clockOf(sql),
    sql.query<{ total: bigint; finished: bigint; running: bigint }>(HELD, [MOST_CLAIMS]),
  ]);
  const gateways = gatewaysOf(rows, nowMs);
  const { total = 0n, finished = 0n, running = 0n } = held.rows[0] ?? {};
  return {
    gateways: gateways.claimsIn,
    running: gateways.running,
    oldestRunningMs: gateways.oldestRunningMs,
    heldInPostgres: {
      running: Number(running),
      finished: Number(finished),
      released: Number(total - finished - running),
      isAtLeast: total >= BigInt(MOST_CLAIMS),
    },
    crossed: gateways.crossed,
    lastCrossedAt: isoOfMs(gateways.lastCrossedAtMs),
  };
}

interface OpenRow {
  readonly waiting: bigint;
  readonly due: bigint;
  readonly in_log: bigint;
  readonly retryable: bigint;
  readonly oldest: Date | null;
  readonly next_due: Date | null;
  readonly overdue_ms: number | null;
  readonly most_attempts: number;
  readonly now_ms: bigint;
}

interface OperationRow {
  readonly event_id: string;
  readonly outcome: 'open' | 'deadLettered';
  readonly in_log: boolean;
  readonly attempts: number;
  readonly stored_at: Date;
  readonly not_after_ms: bigint;
  readonly given_up_for: string | null;
}

export async function lookAtUnknownOutcomes(sql: Sql): Promise<Value<'unknownOutcomes'>> {
  const [open, givenUp, oldest, reports] = await Promise.all([
    sql.query<OpenRow>(OPEN, [NEEDED_MS]),
    sql.query<{ reason: string; n: bigint; retryable: bigint }>(GIVEN_UP, [NEEDED_MS]),
    sql.query<OperationRow>(OLDEST, [SHOWN_OPERATIONS]),
    readReports(sql),
  ]);
  const [row] = open.rows;
  if (row === undefined) throw new Error('Postgres counted nothing');
  const gateways = gatewaysOf(reports, Number(row.now_ms));
  const total = (counts: readonly bigint[]): number => Number(counts.reduce((sum, n) => sum + n, 0n));
  return {
    waiting: Number(row.waiting),
    due: Number(row.due),
    inLog: Number(row.in_log),
    oldestWaitingSince: isoOf(row.oldest),
    longestOverdueMs: row.overdue_ms === null ? null : Math.max(0, Math.round(row.overdue_ms)),
    nextDueAt: isoOf(row.next_due),
    mostAttempts: row.most_attempts,
    givenUp: total(givenUp.rows.map(({ n }) => n)),
    givenUpBy: givenUp.rows.map(({ reason, n }) => ({ reason, count: Number(n) })),
    retryable: total([row.retryable, ...givenUp.rows.map(({ retryable }) => retryable)]),
    notKept: gateways.heard === 0 && gateways.notKept === 0 ? null : gateways.notKept,
    lastNotKeptAt: isoOfMs(gateways.lastNotKeptAtMs),
    operations: oldest.rows.map((each) => ({
      operationId: each.event_id,
      standing: each.outcome === 'open' ? ('waiting' as const) : ('givenUp' as const),
      inLog: each.in_log,
      attempts: each.attempts,
      keptAt: each.stored_at.toISOString(),
      retryUntil: iso(Number(each.not_after_ms) - NEEDED_MS),
      givenUpFor: each.given_up_for,
    })),
  };
}

export async function lookAtSweeper(sql: Sql): Promise<Value<'sweeper'>> {
  const [rows, nowMs] = await Promise.all([readReports(sql), clockOf(sql)]);
  return sweepersOf(rows, nowMs);
}

export async function lookAtDeadLetters(sql: Sql): Promise<Value<'deadLetters'>> {
  const [parked, blocked] = await Promise.all([
    sql.query<{ reason: string; n: bigint; oldest: Date }>(PARKED),
    sql.query<{ n: bigint }>(BLOCKED, [BEHIND]),
  ]);
  const byReason = parked.rows.map(({ reason, n, oldest }) => ({
    reason,
    count: Number(n),
    oldestAt: oldest.toISOString(),
  }));
  return {
    parked: byReason.reduce((total, { count }) => total + count, 0),
    byReason,
    oldestAt: byReason.map(({ oldestAt }) => oldestAt).toSorted()[0] ?? null,
    reservationsBehind: Number(blocked.rows[0]?.n ?? 0n),
  };
}

export async function lookAtProjection(sql: Sql): Promise<Value<'projection'>> {
  const [{ rows }, reports, nowMs] = await Promise.all([
    sql.query<{ partitions: bigint; moved_at: Date | null; log_time_ms: bigint | null }>(POSITIONS, [
      TOPICS.events,
    ]),
    readReports(sql),
    clockOf(sql),
  ]);
  const { covered, stopped, lagRecords, lagMs } = projectorsOf(reports, nowMs);
  const { partitions = 0n, moved_at = null, log_time_ms = null } = rows[0] ?? {};
  // 0 is how a position begins: nothing was decided then.
  const decidedMs = log_time_ms === null || log_time_ms === 0n ? null : Number(log_time_ms);
  const isWhole = partitions > 0n && covered >= Number(partitions);
  return {
    partitions: Number(partitions),
    covered: Math.min(covered, Number(partitions)),
    stopped,
    lagRecords: isWhole ? lagRecords : null,
    lagSeconds: isWhole && lagMs !== null ? lagMs / 1000 : null,
    movedAt: isoOf(moved_at),
    decidedThroughAt: isoOfMs(decidedMs),
  };
}
