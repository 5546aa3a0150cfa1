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
  const promote = 'received to the end, then pg_promote';
  const none = { expectedMs: null };
  return {
    ...(crash
      ? { detect: { ...none, by: 'the drill fences at once; a manager would add its own detection time' } }
      : {}),
    elect: {
      ...none,
      by: crash
        ? `${promote}; a replica would notice by itself after wal_receiver_timeout ${receiver}`
        : `clients held, fast shutdown after a CHECKPOINT, ${promote}`,
    },
    reconnect: { expectedMs: settings?.serverLoginRetryMs ?? null, by: held },
    slo: { ...none, by: 'p99, errors and rate for 3 s, against the baseline' },
    restored: { ...none, by: `pg_rewind, then the planned switch back to ${set.primary}` },
  };
}
