import { openSql } from '../../clients/postgres/index.ts';
import type { Sql, SqlTarget } from '../../clients/postgres/ports.ts';
import type { ServerLook, Standby } from './postgres.ts';

const LOOK = `SELECT pg_is_in_recovery() AS in_recovery,
  CASE WHEN pg_is_in_recovery() THEN greatest((SELECT timeline_id FROM pg_control_checkpoint()), (SELECT received_tli FROM pg_stat_wal_receiver),
      (SELECT max(('x' || left(name, 8))::bit(32)::int) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'))
    ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int END AS timeline,
  (CASE WHEN pg_is_in_recovery() THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) ELSE pg_current_wal_lsn() END)::text AS lsn,
  coalesce((SELECT status = 'streaming' FROM pg_stat_wal_receiver), false) AS receiving,
  current_setting('primary_conninfo') = '' AS follows_nobody,
  current_setting('synchronous_standby_names') AS sync_names,
  (SELECT coalesce(json_agg(json_build_object('name', application_name, 'state', state, 'syncState', sync_state)), '[]')
    FROM pg_stat_replication) AS standbys,
  (SELECT coalesce(json_agg(slot_name), '[]') FROM pg_replication_slots WHERE slot_type = 'physical') AS slots`;

interface LookRow {
  readonly in_recovery: boolean;
  readonly timeline: number;
  readonly lsn: string;
  readonly receiving: boolean;
  readonly follows_nobody: boolean;
  readonly sync_names: string;
  readonly standbys: readonly Standby[];
  readonly slots: readonly string[];
}

/** A short connection of its own: a pool would hold one to a server that is killed the next moment. */
export async function withSql<T>(target: SqlTarget, work: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = openSql(target);
  try {
    return await work(sql);
  } finally {
    await sql.close();
  }
}

/**
 * What a running server says of itself (needs a superuser: walreceiver and control data are hidden from others).
 * Position and `receiving` are not read in one moment: final is only the position of a look after one that saw nothing
 * received. The timeline is that of the log files: the control file of a primary has the old one until its next
 * checkpoint, that of a replica until its next restart point, and a replica that is taken for one on an older timeline
 * is passed over although it has acknowledged commits that no other has.
 */
export async function lookBySql(sql: Pick<Sql, 'query'>): Promise<ServerLook> {
  const [row] = (await sql.query<LookRow>(LOOK)).rows;
  if (row === undefined) throw new Error('the server answered no row');
  return {
    up: true,
    inRecovery: row.in_recovery,
    timeline: row.timeline,
    lsn: row.lsn,
    receiving: row.receiving,
    followsNobody: row.follows_nobody,
    synchronousStandbyNames: row.sync_names,
    standbys: row.standbys,
    slots: row.slots,
  };
}

/** Exactly these of all names exist as physical slots. A slot in use cannot be dropped: that is an error. */
export async function setSlotsBySql(
  sql: Pick<Sql, 'query'>,
  wanted: readonly string[],
  all: readonly string[],
): Promise<void> {
  const unwanted = all.filter((slot) => !wanted.includes(slot));
  await sql.query(
    `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_type = 'physical' AND slot_name = ANY($1)`,
    [unwanted],
  );
  await sql.query(
    `SELECT pg_create_physical_replication_slot(name, true) FROM unnest($1::text[]) AS name
       WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = name)`,
    [wanted],
  );
}
