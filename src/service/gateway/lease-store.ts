import type { Committed, Sql, SqlValue } from '../../clients/postgres/index.ts';
import { reasonOf } from '../../core/error.ts';
import type { Clocks, Grant, LeaseTerms, Outcome } from '../domain/worker-lease.ts';

/** Fixed workers (SNOWFLAKE_WORKER) are below, leased ones from here to 1023: the two cannot meet. */
export const FIRST_LEASED_WORKER = 512;
export const LAST_LEASED_WORKER = 1023;

/** Both ends included. Regions that have a database each lease from ranges that do not meet. */
export interface WorkerRange {
  readonly first: number;
  readonly last: number;
}

const TIMEOUT_MS = 3000;
const RELEASE_TIMEOUT_MS = 1000;

/** An own row comes first: what was asked for and never answered is found again instead of another worker. */
const ACQUIRE = `WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now),
  candidate AS (
    SELECT l.worker, CASE WHEN l.holder = $1 THEN l.floor_ms ELSE l.last_ms END AS floor_ms
    FROM uplift_service.worker_leases l, clock
    WHERE l.worker BETWEEN $5 AND $6 AND (l.holder = $1
      OR l.last_ms < extract(epoch FROM clock.now) * 1000
        AND (l.holder IS NULL OR l.lease_until < clock.now - $3::bigint * interval '1 millisecond'))
    ORDER BY (l.holder IS NOT DISTINCT FROM $1) DESC, l.last_ms, l.worker
    LIMIT 1 FOR UPDATE OF l SKIP LOCKED)
UPDATE uplift_service.worker_leases l
SET holder = $1, lease_until = clock.now + $2::bigint * interval '1 millisecond', floor_ms = candidate.floor_ms,
  last_ms = greatest(l.last_ms, floor(extract(epoch FROM clock.now) * 1000)::bigint + $2::bigint + $4::bigint)
FROM candidate, clock WHERE l.worker = candidate.worker
RETURNING l.worker, l.floor_ms, l.last_ms, floor(extract(epoch FROM clock.now) * 1000)::bigint AS now_ms`;

const RENEW = `WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now)
UPDATE uplift_service.worker_leases l
SET lease_until = clock.now + $3::bigint * interval '1 millisecond',
  last_ms = greatest(l.last_ms, floor(extract(epoch FROM clock.now) * 1000)::bigint + $3::bigint + $4::bigint)
FROM clock WHERE l.worker = $2 AND l.holder = $1
RETURNING l.worker, l.floor_ms, l.last_ms, floor(extract(epoch FROM clock.now) * 1000)::bigint AS now_ms`;

const RELEASE = `UPDATE uplift_service.worker_leases
SET holder = NULL, lease_until = clock_timestamp(), last_ms = $3 WHERE worker = $2 AND holder = $1`;

interface LeaseRow {
  readonly worker: number;
  readonly floor_ms: bigint;
  readonly last_ms: bigint;
  readonly now_ms: bigint;
}

/** Leases of workers in Postgres, one short transaction a question: works through a pooler in transaction mode. */
export interface LeaseStore {
  /** Any worker of the range that is free. `holder` names this process and no other, also not one that ran before. */
  acquire(holder: string): Promise<Outcome>;
  /** More time for the worker, if it is still this holder's. */
  renew(holder: string, worker: number): Promise<Outcome>;
  /** Gives the worker back: the holder issues no more ids, and none later than `lastIssuedMs`. */
  release(holder: string, worker: number, lastIssuedMs: number): Promise<void>;
}

export function leaseStore(
  sql: Sql,
  terms: LeaseTerms,
  clocks: () => Clocks,
  { first, last }: WorkerRange = { first: FIRST_LEASED_WORKER, last: LAST_LEASED_WORKER },
): LeaseStore {
  const ask = async (
    text: string,
    values: readonly SqlValue[],
    none: 'taken' | 'noneFree',
  ): Promise<Outcome> => {
    const asked = clocks();
    try {
      const end = await sql.transaction(
        async (tx) => (await tx.query<LeaseRow>(text, values)).rows[0] ?? null,
        { timeoutMs: TIMEOUT_MS },
      );
      return outcome(end, { asked, answered: clocks() }, none);
    } catch (error) {
      return { kind: 'unsure', reason: reasonOf(error), asked };
    }
  };
  const { leaseMs, quarantineMs, aheadMs } = terms;
  return {
    acquire: (holder) => ask(ACQUIRE, [holder, leaseMs, quarantineMs, aheadMs, first, last], 'noneFree'),
    renew: (holder, worker) => ask(RENEW, [holder, worker, leaseMs, aheadMs], 'taken'),
    release: async (holder, worker, lastIssuedMs) => {
      await sql.query(RELEASE, [holder, worker, lastIssuedMs], { timeoutMs: RELEASE_TIMEOUT_MS });
    },
  };
}

/** Only a grant that a promoted standby would have too is one: anything else may be given to somebody else. */
function outcome(
  end: Committed<LeaseRow | null>,
  times: { readonly asked: Clocks; readonly answered: Clocks },
  none: 'taken' | 'noneFree',
): Outcome {
  if (end.state !== 'committed') return { kind: 'unsure', reason: end.reason, asked: times.asked };
  return end.value === null
    ? { kind: none, asked: times.asked }
    : { kind: 'granted', grant: grantOf(end.value), ...times };
}

function grantOf(row: LeaseRow): Grant {
  return {
    worker: row.worker,
    floorMs: Number(row.floor_ms),
    ceilingMs: Number(row.last_ms),
    nowMs: Number(row.now_ms),
  };
}
