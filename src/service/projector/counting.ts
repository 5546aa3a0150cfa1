import type { Logger } from 'pino';
import type { Metrics } from '../runtime/metrics.ts';
import type { Projection } from './fold.ts';
import type { Applied } from './store.ts';

/** Counts what a committed transaction did, and says what nobody should overlook. */
export function countApplied(
  { metrics, log }: { readonly metrics: Metrics; readonly log: Logger },
  projection: Projection,
  { crossed, replays }: Extract<Applied, { state: 'applied' }>,
): void {
  for (const [decision, count] of projection.counts) metrics.projected.inc({ decision }, count);
  metrics.projectionRepeated.inc(projection.repeatedRecords);
  metrics.replaysApplied.inc({ outcome: 'applied' }, replays.applied);
  metrics.replaysApplied.inc({ outcome: 'superseded' }, replays.superseded);
  if (projection.letters.length > 0)
    log.warn({ count: projection.letters.length }, 'events put aside as dead letters');
  if (crossed === 0) return;
  metrics.idempotencyCrossed.inc(crossed);
  log.error({ count: crossed }, 'event ids were decided a second time after they were forgotten');
}
