import type { Sql } from '../../clients/postgres/index.ts';
import type { Role } from './report.ts';

const TABLE = 'uplift_service.process_reports';

/** A report as it stands, with its times by the clock of the database. */
export interface ReportRow {
  readonly role: Role;
  readonly instance: string;
  readonly life: string;
  readonly startedAtMs: number;
  readonly heardAtMs: number;
  readonly notReady: string | null;
  /** JSON of the role's report. */
  readonly report: string;
}

export interface OwnReport {
  readonly role: Role;
  readonly instance: string;
  /** One per start of the process: counts begin at 0 with each. */
  readonly life: string;
  readonly notReady: string | null;
  readonly report: object;
}

const SAY = `INSERT INTO ${TABLE} AS r (role, instance, life, not_ready, report) VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT (role, instance, life)
  DO UPDATE SET heard_at = now(), not_ready = excluded.not_ready, report = excluded.report`;
const READ = `SELECT role, instance, life, started_at, heard_at, not_ready, report FROM ${TABLE}
  ORDER BY heard_at DESC LIMIT $1`;
const FORGET = `DELETE FROM ${TABLE} WHERE heard_at < now() - $1 * interval '1 millisecond'`;

/** More lives than this within a week are no state to be shown, but a process that starts again and again. */
const LONGEST_LIST = 1000;

/** Replaces what this life of the process said before. */
export async function sayReport(
  sql: Sql,
  { role, instance, life, notReady, report }: OwnReport,
): Promise<void> {
  await sql.query(SAY, [role, instance, life, notReady, JSON.stringify(report)]);
}

/** The last report of each life, newest first. */
export async function readReports(sql: Sql): Promise<readonly ReportRow[]> {
  const { rows } = await sql.query<{
    role: Role;
    instance: string;
    life: string;
    started_at: Date;
    heard_at: Date;
    not_ready: string | null;
    report: string;
  }>(READ, [LONGEST_LIST]);
  return rows.map((row) => ({
    role: row.role,
    instance: row.instance,
    life: row.life,
    startedAtMs: row.started_at.getTime(),
    heardAtMs: row.heard_at.getTime(),
    notReady: row.not_ready,
    report: row.report,
  }));
}

/** Deletes what was said longer ago; answers how many. */
export async function forgetReports(sql: Sql, keepMs: number): Promise<number> {
  return (await sql.query(FORGET, [keepMs])).rowCount;
}
