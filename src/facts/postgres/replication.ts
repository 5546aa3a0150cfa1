import type { AskPostgres } from '../ask-postgres.ts';
import { type Observed, observe } from '../observed.ts';

export interface PostgresServer {
  readonly name: string;
  readonly ask: AskPostgres;
}

/** A standby as its primary sees it (pg_stat_replication). */
export interface StandbyFacts {
  readonly name: string;
  readonly state: string;
  readonly syncState: string;
  readonly replayLagBytes: number;
  /** Age of its last reply; `replay_lag` itself is NULL when idle and says nothing. */
  readonly replyAgeMs: number;
}

export interface WriterFacts {
  readonly inRecovery: boolean;
  readonly synchronousStandbyNames: string;
  readonly synchronousCommit: string;
  readonly fsync: string;
  readonly timeline: number;
  readonly standbys: readonly StandbyFacts[];
}

/** A replica as it sees itself. Lag 0 needs both: all that was received is replayed, and the primary was heard lately. */
export interface ReplicaFacts {
  readonly inRecovery: boolean;
  readonly streaming: boolean;
  readonly receivedBytesAhead: number;
  readonly lastMessageAgeMs: number | null;
  /** Age of the last replayed transaction; meaningful only while behind. */
  readonly replayAgeMs: number | null;
  readonly timeline: number;
}

export interface PostgresFacts {
  readonly writer: { readonly name: string; readonly facts: Observed<WriterFacts> };
  readonly replicas: readonly { readonly name: string; readonly facts: Observed<ReplicaFacts> }[];
}

const WRITER_SQL = `SELECT pg_is_in_recovery() AS in_recovery,
  current_setting('synchronous_standby_names') AS sync_names, current_setting('synchronous_commit') AS sync_commit,
  current_setting('fsync') AS fsync, (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline`;

const STANDBYS_SQL = `SELECT application_name AS name, state, sync_state,
  coalesce(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_wal_lsn() END, replay_lsn), 0)::float8 AS lag_bytes,
  (extract(epoch FROM clock_timestamp() - reply_time) * 1000)::float8 AS reply_age_ms FROM pg_stat_replication ORDER BY 1`;

const REPLICA_SQL = `SELECT pg_is_in_recovery() AS in_recovery, (SELECT status FROM pg_stat_wal_receiver) AS receiver,
  coalesce(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), 0)::float8 AS ahead_bytes,
  (SELECT (extract(epoch FROM clock_timestamp() - last_msg_receipt_time) * 1000)::float8 FROM pg_stat_wal_receiver) AS message_age_ms,
  (extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000)::float8 AS replay_age_ms,
  coalesce((SELECT received_tli FROM pg_stat_wal_receiver), (SELECT timeline_id FROM pg_control_checkpoint())) AS timeline`;

/** Looks at the writer and every replica side by side; a server that is away is a fact. */
export async function collectPostgresFacts(request: {
  readonly writer: PostgresServer;
  readonly replicas: readonly PostgresServer[];
  readonly nowMs: () => number;
  readonly timeoutMs: number;
}): Promise<PostgresFacts> {
  const { writer, replicas, nowMs, timeoutMs } = request;
  const [writerFacts, ...replicaFacts] = await Promise.all([
    observe(nowMs, () => lookAtWriter(writer.ask, timeoutMs)),
    ...replicas.map(async ({ name, ask }) => ({
      name,
      facts: await observe(nowMs, () => lookAtReplica(ask, timeoutMs)),
    })),
  ]);
  return Object.freeze({ writer: { name: writer.name, facts: writerFacts }, replicas: replicaFacts });
}

async function lookAtWriter(ask: AskPostgres, timeoutMs: number): Promise<WriterFacts> {
  const { rows } = await ask.query(WRITER_SQL, [], { timeoutMs });
  const standbys = await ask.query(STANDBYS_SQL, [], { timeoutMs });
  const row = one(rows);
  return {
    inRecovery: row.in_recovery === true,
    synchronousStandbyNames: String(row.sync_names),
    synchronousCommit: String(row.sync_commit),
    fsync: String(row.fsync),
    timeline: Number(row.timeline),
    standbys: standbys.rows.map((standby) => ({
      name: String(standby.name),
      state: String(standby.state),
      syncState: String(standby.sync_state),
      replayLagBytes: Number(standby.lag_bytes),
      replyAgeMs: Number(standby.reply_age_ms),
    })),
  };
}

async function lookAtReplica(ask: AskPostgres, timeoutMs: number): Promise<ReplicaFacts> {
  const row = one((await ask.query(REPLICA_SQL, [], { timeoutMs })).rows);
  return {
    inRecovery: row.in_recovery === true,
    streaming: row.receiver === 'streaming',
    receivedBytesAhead: Number(row.ahead_bytes),
    lastMessageAgeMs: numberOrNull(row.message_age_ms),
    replayAgeMs: numberOrNull(row.replay_age_ms),
    timeline: Number(row.timeline),
  };
}

function one(rows: readonly Record<string, unknown>[]): Record<string, unknown> {
  const [row] = rows;
  if (row === undefined) throw new Error('the server answered no row');
  return row;
}

function numberOrNull(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value);
}
