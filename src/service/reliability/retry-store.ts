import type { Sql } from '../../clients/postgres/index.ts';
import { SWEEP_RULES } from '../sweeper/plan.ts';
import { NEEDED_MS, NOW_MS, UNDECIDED } from './facts.ts';
import type { Candidate } from './retry-plan.ts';

const TABLE = 'uplift_service.unknown_outcomes';

const COLUMNS = `u.tenant, u.event_id, u.entry, u.outcome, u.appended_offset IS NOT NULL AS in_log, u.due_at <= now() AS is_due,
    u.attempts, u.not_after_ms, u.given_up_for, ${NOW_MS} AS now_ms,
    NOT (${UNDECIDED}) AS decided`;

// Those that can be sent again come first: a confirmation holds so many, and what is over would fill it for ever.
const UNSETTLED = `SELECT ${COLUMNS} FROM ${TABLE} u WHERE u.outcome = 'open'
    OR (u.outcome = 'deadLettered' AND ${UNDECIDED})
  ORDER BY u.not_after_ms < ${NOW_MS} + $2, u.stored_at, u.event_id LIMIT $1`;
const ONE = `SELECT ${COLUMNS} FROM ${TABLE} u WHERE u.event_id = $1 LIMIT 10`;
const THESE = `SELECT ${COLUMNS} FROM ${TABLE} u JOIN unnest($1::text[], $2::text[]) AS w (tenant, event_id)
  ON u.tenant = w.tenant AND u.event_id = w.event_id`;

// Only entries that are as they were when the plan was made, and whose time is not over by now: whoever confirms late
// retries less, never something else. What was given up gets a new number, so that a sweeper that still holds the old one
// cannot write over it; event id and bytes stay.
const MAKE_DUE = `WITH w AS (SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[]) AS w (tenant, event_id, entry)),
  waiting AS (
    UPDATE ${TABLE} u SET due_at = now(), attempts = LEAST(u.attempts, $5) FROM w
    WHERE u.tenant = w.tenant AND u.event_id = w.event_id AND u.entry = w.entry AND u.outcome = 'open'
      AND (u.appended_offset IS NOT NULL OR u.not_after_ms >= ${NOW_MS} + $4)
    RETURNING u.tenant, u.event_id),
  given_up AS (
    UPDATE ${TABLE} u SET outcome = 'open', entry = DEFAULT, attempts = 0, settled_at = NULL, given_up_for = NULL,
      due_at = now() FROM w
    WHERE u.tenant = w.tenant AND u.event_id = w.event_id AND u.entry = w.entry AND u.outcome = 'deadLettered'
      AND u.not_after_ms >= ${NOW_MS} + $4
      AND ${UNDECIDED}
    RETURNING u.tenant, u.event_id)
  SELECT tenant, event_id FROM waiting UNION ALL SELECT tenant, event_id FROM given_up`;

interface Row {
  readonly tenant: string;
  readonly event_id: string;
  readonly entry: bigint;
  readonly outcome: 'open' | 'decided' | 'deadLettered';
  readonly in_log: boolean;
  readonly is_due: boolean;
  readonly attempts: number;
  readonly not_after_ms: bigint;
  readonly given_up_for: string | null;
  readonly decided: boolean;
  readonly now_ms: bigint;
}

export interface Candidates {
  /** Of the database when it answered; undefined when there is none to ask about. */
  readonly nowMs: number | undefined;
  readonly candidates: readonly Candidate[];
}

/** Entries without an end, those first that can still be sent, else the oldest; or those of one operation. */
export async function loadCandidates(
  sql: Sql,
  of: { readonly operationId: string } | { readonly limit: number },
): Promise<Candidates> {
  const { rows } = await ('operationId' in of
    ? sql.query<Row>(ONE, [of.operationId])
    : sql.query<Row>(UNSETTLED, [of.limit, NEEDED_MS]));
  return candidatesOf(rows);
}

/** The same entries again, as they stand now. */
export async function reloadCandidates(sql: Sql, those: readonly Candidate[]): Promise<Candidates> {
  if (those.length === 0) return { nowMs: undefined, candidates: [] };
  const keys = [those.map(({ tenant }) => tenant), those.map(({ operationId }) => operationId)];
  return candidatesOf((await sql.query<Row>(THESE, keys)).rows);
}

/** Makes entries due now, in one statement; answers those that are. The others changed, or their time is over. */
export async function makeDue(sql: Sql, those: readonly Candidate[]): Promise<readonly Candidate[]> {
  if (those.length === 0) return [];
  const { rows } = await sql.query<Pick<Row, 'tenant' | 'event_id'>>(MAKE_DUE, [
    those.map(({ tenant }) => tenant),
    those.map(({ operationId }) => operationId),
    those.map(({ entry }) => entry),
    NEEDED_MS,
    SWEEP_RULES.maxAttempts - 1,
  ]);
  const done = new Set(rows.map((row) => keyOf(row.tenant, row.event_id)));
  return those.filter(({ tenant, operationId }) => done.has(keyOf(tenant, operationId)));
}

export const keyOf = (tenant: string, operationId: string): string => `${tenant}/${operationId}`;

function candidatesOf(rows: readonly Row[]): Candidates {
  const nowMs = rows[0] === undefined ? undefined : Number(rows[0].now_ms);
  const candidates = rows.map(
    (row): Candidate => ({
      tenant: row.tenant,
      operationId: row.event_id,
      entry: row.entry,
      standing: standingOf(row),
      inLog: row.in_log,
      isDue: row.is_due,
      attempts: row.attempts,
      notAfterMs: Number(row.not_after_ms),
      givenUpFor: row.given_up_for,
    }),
  );
  return { nowMs, candidates };
}

function standingOf({ outcome, decided }: Row): Candidate['standing'] {
  if (decided || outcome === 'decided') return 'decided';
  return outcome === 'open' ? 'waiting' : 'givenUp';
}
