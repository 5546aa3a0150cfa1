import type { AskPostgres } from '../ask-postgres.ts';

/** What the server at the writer's address says of itself. Another one, or another life, has another `startedAt`. */
export interface WriterLook {
  readonly takesWrites: boolean;
  /** When its postmaster started, by its own clock; compared, never computed with. */
  readonly startedAt: string;
  /** Connections that stream from it (pg_stat_replication); a provider's hidden standby is not among them. */
  readonly standbys: number;
}

const LOOK_MS = 3000;
const TEXT = `SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS "takesWrites",
  pg_postmaster_start_time()::text AS "startedAt",
  (SELECT count(*)::int FROM pg_stat_replication) AS standbys`;

/** Asks for a look; throws where no server answers. */
export async function askWriter(ask: AskPostgres): Promise<WriterLook> {
  const [row] = (
    await ask.query<{ takesWrites: boolean; startedAt: string; standbys: number }>(TEXT, [], {
      timeoutMs: LOOK_MS,
    })
  ).rows;
  if (row === undefined) throw new Error('it answered no row');
  return { takesWrites: row.takesWrites, startedAt: row.startedAt, standbys: Number(row.standbys) };
}
