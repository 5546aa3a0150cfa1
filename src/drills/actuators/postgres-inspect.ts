import type { Sql } from '../../clients/postgres/ports.ts';
import type { Inspection } from './postgres.ts';

const INSPECT = `SELECT pg_is_in_recovery() AS in_recovery,
  current_setting('data_checksums') = 'on' AS checksums,
  current_setting('wal_log_hints') = 'on' AS wal_log_hints,
  starts_with(current_setting('config_file'), current_setting('data_directory') || '/')
    OR starts_with(current_setting('hba_file'), current_setting('data_directory') || '/') AS config_inside_data,
  CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() ELSE false END AS replay_paused,
  (SELECT count(*)::int FROM pg_prepared_xacts) AS prepared,
  (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start) * 1000), 0)::float8 FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()) AS oldest_ms,
  (SELECT coalesce(json_agg(json_build_object('name', slot_name, 'kind', slot_type, 'active', active)), '[]')
    FROM pg_replication_slots) AS slots,
  (SELECT coalesce(json_agg(json_build_object('name', application_name, 'bytes',
      pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN flush_lsn ELSE pg_current_wal_lsn() END, flush_lsn))), '[]')
    FROM pg_stat_replication) AS lag,
  (SELECT setting::int FROM pg_settings WHERE name = 'wal_receiver_timeout') AS wal_receiver_timeout_ms,
  current_setting('synchronous_commit') AS synchronous_commit`;

interface InspectRow {
  readonly in_recovery: boolean;
  readonly checksums: boolean;
  readonly wal_log_hints: boolean;
  readonly config_inside_data: boolean;
  readonly replay_paused: boolean;
  readonly prepared: number;
  readonly oldest_ms: number;
  readonly slots: Inspection['slots'];
  readonly lag: Inspection['lagBytes'];
  readonly wal_receiver_timeout_ms: number;
  readonly synchronous_commit: string;
}

/** What a preflight wants to know of one server; others than a superuser do not see all of it. */
export async function inspectBySql(sql: Pick<Sql, 'query'>): Promise<Inspection> {
  const [row] = (await sql.query<InspectRow>(INSPECT)).rows;
  if (row === undefined) throw new Error('the server answered no row');
  return {
    inRecovery: row.in_recovery,
    checksums: row.checksums,
    walLogHints: row.wal_log_hints,
    configInsideData: row.config_inside_data,
    replayPaused: row.replay_paused,
    preparedTransactions: row.prepared,
    oldestTransactionMs: row.oldest_ms,
    slots: row.slots,
    lagBytes: row.lag,
    walReceiverTimeoutMs: row.wal_receiver_timeout_ms,
    synchronousCommit: row.synchronous_commit,
  };
}
