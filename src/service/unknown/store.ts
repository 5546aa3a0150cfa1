import type { Sql } from '../../clients/postgres/index.ts';
import { VIEWS } from '../../contract/projection.ts';
import { decodeHeaders, encodeHeaders, type UnknownOutcome } from './outcome.ts';

const TABLE = 'uplift_service.unknown_outcomes';

/** An entry as the sweeper takes it. */
export interface Entry extends UnknownOutcome {
  /** Number of the entry: an event id that becomes unknown again after it was settled gets another one. */
  readonly entry: bigint;
  /** Appends that the sweeper made so far, whatever came of them. */
  readonly attempts: number;
  /** Where one of them was acknowledged; null while none was. */
  readonly appendedOffset: bigint | null;
  /** The projection shows the event id. */
  readonly decided: boolean;
}

/** What the sweeper made of an entry. `open` ones come again after `delayMs`. */
export interface EntryUpdate {
  readonly entry: Entry;
  readonly outcome: 'open' | 'decided' | 'deadLettered';
  readonly attempts: number;
  readonly appendedOffset: bigint | null;
  readonly delayMs: number;
  /** Why it was given up, if it was. */
  readonly givenUpFor?: string;
}

/** How long the projection is given to show the event id by itself before the sweeper looks. */
const FIRST_LOOK_MS = 1000;

// An event id that is unknown again, from a later try under the same key, is one entry: its newest bytes stand for all.
const ADD = `INSERT INTO ${TABLE} AS u (tenant, event_id, topic, topic_id, partition, record_key, record_value,
    record_headers, payload_hash, issued_at_ms, not_after_ms, due_at)
  VALUES ($1, $2, $3, $4, $5, decode($6, 'base64'), decode($7, 'base64'), $8, $9, $10, $11,
    now() + $12 * interval '1 millisecond')
  ON CONFLICT (tenant, event_id) DO UPDATE SET entry = DEFAULT, topic = excluded.topic, topic_id = excluded.topic_id,
    partition = excluded.partition, record_key = excluded.record_key, record_value = excluded.record_value,
    record_headers = excluded.record_headers, payload_hash = excluded.payload_hash,
    issued_at_ms = excluded.issued_at_ms, not_after_ms = excluded.not_after_ms, outcome = 'open', attempts = 0,
    appended_offset = NULL, stored_at = now(), due_at = excluded.due_at, settled_at = NULL, given_up_for = NULL
  WHERE u.not_after_ms <= excluded.not_after_ms`;

// One statement, so that it works through a pooler in transaction mode and holds no lock while anything is sent: whoever
// takes an entry puts its due time off, and a sweeper that dies gives it back by that.
const TAKE = `WITH due AS (
    SELECT tenant, event_id FROM ${TABLE} WHERE outcome = 'open' AND due_at <= now()
    ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
  UPDATE ${TABLE} u SET due_at = now() + $2 * interval '1 millisecond' FROM due
  WHERE u.tenant = due.tenant AND u.event_id = due.event_id
  RETURNING u.tenant, u.event_id, u.entry, u.topic, u.topic_id, u.partition, encode(u.record_key, 'base64') AS record_key,
    encode(u.record_value, 'base64') AS record_value, u.record_headers, u.payload_hash, u.issued_at_ms, u.not_after_ms,
    u.attempts, u.appended_offset, EXISTS (SELECT 1 FROM ${VIEWS.operations} o WHERE o.tenant = u.tenant AND o.event_id = u.event_id) AS decided`;

// A sweeper that slept past its lease writes down what it knew then: what another one has seen since stands beside it.
const FINISH = `UPDATE ${TABLE} u SET outcome = w.outcome, attempts = greatest(u.attempts, w.attempts),
    appended_offset = coalesce(w.appended_offset, u.appended_offset),
    due_at = now() + w.delay_ms * interval '1 millisecond',
    settled_at = CASE WHEN w.outcome = 'open' THEN NULL ELSE now() END, given_up_for = w.given_up_for
  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::int[], $6::bigint[], $7::int[], $8::text[])
    AS w (tenant, event_id, entry, outcome, attempts, appended_offset, delay_ms, given_up_for)
  WHERE u.tenant = w.tenant AND u.event_id = w.event_id AND u.entry = w.entry AND u.outcome = 'open'`;

const FORGET = `DELETE FROM ${TABLE} WHERE (tenant, event_id) IN (
    SELECT tenant, event_id FROM ${TABLE}
    WHERE outcome <> 'open' AND settled_at < now() - $1 * interval '1 millisecond'
    ORDER BY settled_at LIMIT $2 FOR UPDATE SKIP LOCKED)`;

// By the index of what is open: what an outage left settled stays for a day, and this is asked every few seconds.
const COUNT = `SELECT count(*) AS entries, min(stored_at) AS oldest FROM ${TABLE} WHERE outcome = 'open'`;

/** Keeps a command of unknown outcome. Resolves when Postgres has it. */
export async function keepUnknown(sql: Sql, outcome: UnknownOutcome): Promise<void> {
  const { key, value, headers } = outcome.record;
  await sql.query(ADD, [
    outcome.tenant,
    outcome.eventId,
    outcome.topic,
    outcome.topicId,
    outcome.partition,
    key.toString('base64'),
    value.toString('base64'),
    encodeHeaders(headers),
    outcome.payload,
    outcome.issuedAtMs,
    outcome.notAfterMs,
    FIRST_LOOK_MS,
  ]);
}

interface Row {
  readonly tenant: string;
  readonly event_id: string;
  readonly entry: bigint;
  readonly topic: string;
  readonly topic_id: string;
  readonly partition: number;
  readonly record_key: string;
  readonly record_value: string;
  readonly record_headers: string;
  readonly payload_hash: string;
  readonly issued_at_ms: bigint;
  readonly not_after_ms: bigint;
  readonly attempts: number;
  readonly appended_offset: bigint | null;
  readonly decided: boolean;
}

/** Takes up to `limit` entries that are due; nobody else gets them within `leaseMs`, unless they are finished before. */
export async function takeDue(sql: Sql, limit: number, leaseMs: number): Promise<Entry[]> {
  const { rows } = await sql.query<Row>(TAKE, [limit, leaseMs]);
  return rows.map((row) => ({
    tenant: row.tenant,
    eventId: row.event_id,
    entry: row.entry,
    topic: row.topic,
    topicId: row.topic_id,
    partition: row.partition,
    record: {
      key: Buffer.from(row.record_key, 'base64'),
      value: Buffer.from(row.record_value, 'base64'),
      headers: decodeHeaders(row.record_headers),
    },
    payload: row.payload_hash,
    issuedAtMs: Number(row.issued_at_ms),
    notAfterMs: Number(row.not_after_ms),
    attempts: row.attempts,
    appendedOffset: row.appended_offset,
    decided: row.decided,
  }));
}

/** Writes down what became of entries that were taken; one that got newer bytes meanwhile stays as it is. */
export async function finishEntries(sql: Sql, updates: readonly EntryUpdate[]): Promise<number> {
  if (updates.length === 0) return 0;
  const { rowCount } = await sql.query(FINISH, [
    updates.map(({ entry }) => entry.tenant),
    updates.map(({ entry }) => entry.eventId),
    updates.map(({ entry }) => entry.entry),
    updates.map(({ outcome }) => outcome),
    updates.map(({ attempts }) => attempts),
    updates.map(({ appendedOffset }) => appendedOffset),
    updates.map(({ delayMs }) => Math.round(delayMs)),
    updates.map(({ givenUpFor }) => givenUpFor ?? null),
  ]);
  return rowCount;
}

/** Deletes up to `limit` entries that were settled longer than `keepMs` ago; answers how many. */
export async function forgetSettled(sql: Sql, keepMs: number, limit: number): Promise<number> {
  return (await sql.query(FORGET, [keepMs, limit])).rowCount;
}

/** How many entries are open, and since when the oldest of them. */
export async function countOpen(
  sql: Sql,
): Promise<{ readonly entries: number; readonly oldest: Date | null }> {
  const { rows } = await sql.query<{ entries: bigint; oldest: Date | null }>(COUNT);
  return { entries: Number(rows[0]?.entries ?? 0n), oldest: rows[0]?.oldest ?? null };
}
