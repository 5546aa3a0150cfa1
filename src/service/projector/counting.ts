import type { RecordBatch } from '../../clients/kafka/ports.ts';
import type { ProjectorDeps } from './deps.ts';
import type { Projection } from './fold.ts';
import type { Applied } from './store.ts';
import { traceApplied } from './traces.ts';

/** Counts and traces what a committed transaction did, and says what nobody should overlook. */
export function countApplied(
  { metrics, log, tracing }: Pick<ProjectorDeps, 'metrics' | 'log' | 'tracing'>,
  projection: Projection,
  { crossed, replays }: Extract<Applied, { state: 'applied' }>,
  work: { readonly batches: readonly RecordBatch[]; readonly startedMs: number },
): void {
  for (const [decision, count] of projection.counts) metrics.projected.inc({ decision }, count);
  const tookMs = performance.now() - work.startedMs;
  metrics.projectionDuration.observe(tookMs / 1000);
  metrics.projectionRows.inc({ table: 'operations' }, projection.operations.length);
  metrics.projectionRows.inc({ table: 'reservations' }, projection.reservations.length);
  if (tracing !== undefined)
    traceApplied(tracing, projection, { batches: work.batches, startMs: Date.now() - tookMs });
  metrics.projectionRepeated.inc(projection.repeatedRecords);
  metrics.replaysApplied.inc({ outcome: 'applied' }, replays.applied);
  metrics.replaysApplied.inc({ outcome: 'superseded' }, replays.superseded);
  if (projection.letters.length > 0)
    log.warn({ count: projection.letters.length }, 'events put aside as dead letters');
  if (crossed === 0) return;
  metrics.idempotencyCrossed.inc(crossed);
  log.error({ count: crossed }, 'event ids were decided a second time after they were forgotten');
}
