import { randomUUID } from 'node:crypto';
import type { Sql, SqlTransaction } from '../../clients/postgres/index.ts';
import type { Bits } from '../../clients/redis/index.ts';
import { hasApplied, type Settled } from '../runtime/settle.ts';
import { completeThrough, type Generation, type LateIds, shapeFor } from './filter.ts';
import { GenerationDraft } from './generations.ts';

export interface BuildDeps {
  readonly bits: Bits;
  /** The writer: a replica may be behind and ends long reads. */
  readonly sql: Sql;
  /** Waits until all that was sent before its call is in the projection. */
  readonly settle: () => Promise<Settled>;
  readonly late: LateIds;
  readonly signal: AbortSignal;
}

const PAGE_ROWS = 2000;
const STATEMENT_TIMEOUT_MS = 60_000;
/** Room for what comes until the next build. */
const GROWTH = 1.25;
const SPARE_IDS = 50_000;

/**
 * Builds a generation from the projection and publishes it. One transaction with a cursor: one look at one server, which
 * also says by itself that it has applied enough. Throws, and leaves the generation in use as it was, when the projection
 * does not get there, a dead letter waits (its replay would bring an old id), or a primary of Redis changes meanwhile.
 */
export async function buildGeneration(deps: BuildDeps): Promise<Generation> {
  const builtAtMs = await databaseNowMs(deps.sql);
  const settled = await deps.settle();
  let draft: GenerationDraft | undefined;
  try {
    const end = await deps.sql.transaction(
      async (tx) => {
        await check(tx, settled);
        const shape = shapeFor(randomUUID(), Math.ceil((await countIds(tx)) * GROWTH) + SPARE_IDS);
        draft = new GenerationDraft(deps.bits, shape);
        await draft.begin();
        await scan(tx, draft, deps.signal);
        return draft;
      },
      { timeoutMs: STATEMENT_TIMEOUT_MS },
    );
    // Nothing was written in Postgres: whatever became of the COMMIT, what was read stands.
    if (draft === undefined) throw new Error(end.state === 'committed' ? 'nothing was read' : end.reason);
    return await draft.publish({ builtAtMs, completeThroughMs: completeThrough(builtAtMs, deps.late) });
  } catch (error) {
    await draft?.abandon().catch(() => undefined);
    throw error;
  }
}

async function databaseNowMs(sql: Sql): Promise<number> {
  const { rows } = await sql.query<{ ms: bigint }>(
    'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms',
  );
  return Number(rows[0]?.ms ?? 0n);
}

async function check(tx: SqlTransaction, settled: Settled): Promise<void> {
  if (!(await hasApplied(tx, settled))) throw new Error('this server has not applied what was settled');
  const { rows } = await tx.query<{ n: bigint }>(
    `SELECT count(*) AS n FROM uplift_service.dead_letters WHERE outcome NOT IN ('applied', 'superseded')`,
  );
  const parked = rows[0]?.n ?? 0n;
  if (parked > 0n) throw new Error(`${parked} dead letters wait: a replay may bring ids of any age`);
}

async function countIds(tx: SqlTransaction): Promise<number> {
  const { rows } = await tx.query<{ n: bigint }>('SELECT count(*) AS n FROM uplift_service.reservations');
  return Number(rows[0]?.n ?? 0n);
}

async function scan(tx: SqlTransaction, draft: GenerationDraft, signal: AbortSignal): Promise<void> {
  await tx.query('DECLARE ids NO SCROLL CURSOR FOR SELECT reservation_id FROM uplift_service.reservations');
  // Ends with the cursor; every page is a statement with its own time limit.
  for (;;) {
    signal.throwIfAborted();
    const { rows } = await tx.query<{ reservation_id: string }>(`FETCH ${PAGE_ROWS} FROM ids`);
    if (rows.length === 0) return;
    await draft.add(rows.map((row) => row.reservation_id));
  }
}
