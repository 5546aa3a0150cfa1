import { formatMs } from '../../core/units.ts';
import type { Prepared } from '../engine/drill.ts';
import type { SetFacts } from './observe.ts';

/** Pure: the configured values that a recovery time is set beside. */
export function expectedOf(
  { pool, inspections, set }: Pick<SetFacts, 'pool' | 'inspections' | 'set'>,
  crash: boolean,
): Prepared['expected'] {
  const settings = pool.seen ? pool.value.settings : undefined;
  const primary = inspections.get(set.primary);
  const receiver = primary?.seen === true ? formatMs(primary.value.walReceiverTimeoutMs) : 'not readable';
  const held =
    settings === undefined
      ? 'not readable'
      : `server_login_retry ${formatMs(settings.serverLoginRetryMs)}, query_wait_timeout ${formatMs(settings.queryWaitTimeoutMs)}: a client held longer is dropped`;
  return {
    detect: {
      expectedMs: null,
      by: crash
        ? 'the drill fences at once; a manager would add its own detection time'
        : 'CHECKPOINT before, so that the fast shutdown has little to write',
    },
    elect: {
      expectedMs: null,
      by: `received to the end, then pg_promote; a replica would notice by itself after wal_receiver_timeout ${receiver}`,
    },
    reconnect: { expectedMs: settings?.serverLoginRetryMs ?? null, by: held },
    slo: { expectedMs: null, by: 'p99, errors and rate for 3 s, against the baseline' },
    restored: { expectedMs: null, by: `pg_rewind, then the planned switch back to ${set.primary}` },
  };
}
