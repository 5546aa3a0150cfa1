import type { Sql, SqlTarget } from '../clients/postgres/index.ts';
import { UpliftError } from '../core/error.ts';
import { type Env, parseEnv, sqlTarget } from './env.ts';
import { MIGRATIONS, type Migration } from './migrations.ts';

/** Two processes that migrate at once wait for each other here (pg_advisory_xact_lock); the number only has to be ours. */
const LOCK = 7_310_551;
const TIMEOUT_MS = 60_000;
/** Whoever comes after a statement that waits for a table waits behind it, readers too: it must not wait for long. */
const LOCK_TIMEOUT_MS = 5000;

export interface Migrated {
  readonly applied: readonly string[];
  readonly version: number;
}

/** Brings the schema of POSTGRES_DIRECT_URL (never through a pooler) to the newest version. Safe to run again. */
export async function runMigrate(env: Env, openSql: (target: SqlTarget) => Sql): Promise<Migrated> {
  const settings = parseEnv(env);
  const sql = openSql({ ...sqlTarget(settings, 'POSTGRES_DIRECT_URL'), maxConnections: 1 });
  try {
    return await migrate(sql, { timeoutMs: Math.max(TIMEOUT_MS, settings.POSTGRES_TIMEOUT_MS) });
  } finally {
    await sql.close();
  }
}

/** All that is missing, or nothing: a table that is in use for longer than 5 s, or a statement over `timeoutMs`, ends it. */
export async function migrate(
  sql: Sql,
  options: { readonly migrations?: readonly Migration[]; readonly timeoutMs?: number } = {},
): Promise<Migrated> {
  const { migrations = MIGRATIONS, timeoutMs = TIMEOUT_MS } = options;
  const end = await sql.transaction(
    async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
      await tx.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
      await tx.query('CREATE SCHEMA IF NOT EXISTS uplift_service');
      await tx.query(
        `CREATE TABLE IF NOT EXISTS uplift_service.migrations
         (version int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
      );
      const { rows } = await tx.query<{ version: number }>('SELECT version FROM uplift_service.migrations');
      const done = new Set(rows.map((row) => row.version));
      const missing = migrations.filter(({ version }) => !done.has(version));
      for (const { version, name, sql: text } of missing) {
        for (const statement of text.split(';').filter((part) => part.trim() !== ''))
          await tx.query(statement);
        await tx.query('INSERT INTO uplift_service.migrations (version, name) VALUES ($1, $2)', [
          version,
          name,
        ]);
      }
      return missing.map(({ name }) => name);
    },
    { timeoutMs },
  );
  if (end.state === 'committed') return { applied: end.value, version: migrations.at(-1)?.version ?? 0 };
  throw new UpliftError('UPL-POSTGRES-UNREACHABLE', {
    message: `The migration is ${end.state === 'unknown' ? 'of unknown outcome' : 'not on a standby'}: ${end.reason}`,
    next: 'Run it again: it applies only what is missing',
  });
}
