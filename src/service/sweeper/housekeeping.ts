import type { Sql } from '../../clients/postgres/index.ts';
import { deleteExpiredClaims } from '../gateway/claims-postgres.ts';
import { forgetReports } from '../reports/store.ts';
import type { UnknownMetrics } from '../unknown/metrics.ts';
import { countOpen, forgetSettled } from '../unknown/store.ts';

const BATCH = 500;
/** What one round deletes at most; the rest waits for the next. */
const MAX_BATCHES = 20;
const KEEP_SETTLED_MS = 86_400_000;
const KEEP_REPORTS_MS = 7 * 86_400_000;

/** Counts what is open; deletes expired claims and entries settled more than a day ago, in bounded batches, and reports a week old. */
export async function keepHouse(sql: Sql, metrics: UnknownMetrics, nowMs: number): Promise<void> {
  const { entries, oldest } = await countOpen(sql);
  metrics.open.set(entries);
  metrics.oldestMs.set(oldest === null ? 0 : Math.max(0, nowMs - oldest.getTime()));
  metrics.claimsDeleted.inc(await inBatches((limit) => deleteExpiredClaims(sql, limit)));
  await inBatches((limit) => forgetSettled(sql, KEEP_SETTLED_MS, limit));
  await forgetReports(sql, KEEP_REPORTS_MS);
}

async function inBatches(work: (limit: number) => Promise<number>): Promise<number> {
  let total = 0;
  for (let batch = 0; batch < MAX_BATCHES; batch += 1) {
    const done = await work(BATCH);
    total += done;
    if (done < BATCH) break;
  }
  return total;
}
