import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sql, SqlTarget } from '../../clients/postgres/ports.ts';
import { type PlacedUnit, readUnit, readUnits } from '../../clients/process/unit-files.ts';
import { isUpliftError } from '../../core/error.ts';
import { waitFor } from '../../core/wait.ts';
import type { PoolerActuator, PoolLook, PoolSettings } from './postgres.ts';
import { editFile, firstUser, withPort } from './postgres-files.ts';
import { withSql } from './postgres-sql.ts';

const COMMAND_MS = 3000;
/** Transactions of a server that lives end within this; those of a dead one never do. */
const DRAIN_MS = 1000;
const POINTED_MS = 10_000;

interface DatabaseRow {
  readonly name: string;
  readonly port: number | bigint | string;
  readonly paused: number | bigint | string;
}

interface ServerRow {
  readonly database: string;
  readonly port: number | bigint | string;
}

/** Acts on a PgBouncer that is a local process, through its console; its user list must name an administrator first. */
export function processPooler(
  unitsDir: string,
  pool: { readonly unit: string; readonly database: string },
): PoolerActuator {
  const { database } = pool;
  const unit = (): Promise<PlacedUnit> => readUnit(unitsDir, pool.unit);
  const console = async <T>(work: (sql: Sql) => Promise<T>): Promise<T> =>
    withSql(await loginTo(await unit(), 'pgbouncer'), work);
  const serverAt = async (port: number): Promise<string | null> => {
    const units = await readUnits(unitsDir);
    const found = units.find(({ kind, labels }) => kind === 'postgres' && Number(labels.port) === port);
    return found?.labels.server ?? null;
  };
  const rowOf = async (sql: Sql): Promise<DatabaseRow> => {
    const row = (await sql.query<DatabaseRow>('SHOW DATABASES')).rows.find(({ name }) => name === database);
    if (row === undefined) throw new Error(`the pooler has no database ${database}`);
    return row;
  };
  const isPaused = (row: DatabaseRow): boolean => Number(row.paused) !== 0;
  return {
    look: () =>
      console(async (sql): Promise<PoolLook> => {
        const row = await rowOf(sql);
        return { server: await serverAt(Number(row.port)), paused: isPaused(row) };
      }),
    settings: () =>
      console(async (sql): Promise<PoolSettings> => {
        const { rows } = await sql.query<{ key: string; value: string | null }>('SHOW CONFIG');
        return {
          serverLoginRetryMs: secondsOf(rows, 'server_login_retry') * 1000,
          queryWaitTimeoutMs: secondsOf(rows, 'query_wait_timeout') * 1000,
        };
      }),
    hold: () =>
      console(async (sql) => {
        if (isPaused(await rowOf(sql))) return;
        await sql.query(`PAUSE ${database}`, [], { timeoutMs: DRAIN_MS }).catch((error: unknown) => {
          // It holds new statements from the first moment; only the answer waits for those under way.
          if (!isUpliftError(error, 'UPL-POSTGRES-UNREACHABLE')) throw error;
        });
      }),
    async point(server) {
      const placed = await unit();
      const units = await readUnits(unitsDir);
      const to = units.find(({ kind, labels }) => kind === 'postgres' && labels.server === server);
      const port = Number(to?.labels.port);
      if (!(port > 0)) throw new Error(`no unit of the Postgres server ${server}`);
      const file = join(placed.labels.confDir ?? '', 'pgbouncer.ini');
      await editFile(file, (text) => withPort(text, database, port));
      await console(async (sql) => {
        await sql.query('RELOAD');
        await waitFor(async () => Number((await rowOf(sql)).port) === port, {
          what: `${database} at port ${port}`,
          timeoutMs: POINTED_MS,
          intervalMs: 20,
        });
        const { rows } = await sql.query<ServerRow>('SHOW SERVERS');
        // RECONNECT would be gradual and talk to both servers for a while.
        if (rows.some((row) => row.database === database && Number(row.port) !== port))
          await sql.query(`KILL ${database}`);
      });
    },
    release: () =>
      console(async (sql) => {
        if (isPaused(await rowOf(sql))) await sql.query(`RESUME ${database}`);
      }),
    async reaches() {
      const text = 'SELECT inet_server_port() AS port, NOT pg_is_in_recovery() AS writable';
      const rows = await withSql(
        await loginTo(await unit(), database),
        async (sql) => (await sql.query<{ port: number; writable: boolean }>(text)).rows,
      );
      const [row] = rows;
      return {
        server: row === undefined ? null : await serverAt(row.port),
        writable: row?.writable === true,
      };
    },
  };
}

function secondsOf(
  rows: readonly { readonly key: string; readonly value: string | null }[],
  key: string,
): number {
  const value = rows.find((row) => row.key === key)?.value;
  if (value === undefined || value === null) throw new Error(`the pooler does not say its ${key}`);
  return Number(value);
}

/** The unit of the pooler that listens at this port; undefined where none of the folder does. */
export async function poolerUnitAt(unitsDir: string, port: number): Promise<string | undefined> {
  const units = await readUnits(unitsDir);
  return units.find(({ kind, labels }) => kind === 'pgbouncer' && Number(labels.port) === port)?.id;
}

async function loginTo(unit: PlacedUnit, database: string): Promise<SqlTarget> {
  const { confDir = '', port } = unit.labels;
  const login = firstUser(await readFile(join(confDir, 'userlist.txt'), 'utf8'));
  if (login === undefined) throw new Error(`no user in the list of ${unit.id}`);
  return {
    host: '127.0.0.1',
    port: Number(port),
    database,
    ...login,
    applicationName: 'uplift-failover',
    maxConnections: 1,
    connectTimeoutMs: COMMAND_MS,
    queryTimeoutMs: COMMAND_MS,
  };
}
