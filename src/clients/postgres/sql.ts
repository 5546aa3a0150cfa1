import pg from 'pg';
import { reasonOf, UpliftError } from '../../core/error.ts';
import { withDeadline } from '../../core/wait.ts';
import { isRefusal, toSqlError } from './errors.ts';
import type { Committed, Sql, SqlResult, SqlTarget, SqlTransaction, SqlValue } from './ports.ts';

const INT8_OID = 20;
const CLOSE_TIMEOUT_MS = 3000;

/** int8 as bigint: a bigint column read as text is compared wrongly sooner or later. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === INT8_OID && format !== 'binary' ? BigInt : pg.types.getTypeParser(oid, format as 'text'),
};

/** Opens a pool; nothing is connected until the first statement. The caller closes it. */
export function openSql(target: SqlTarget): Sql {
  const pool = new pg.Pool({
    host: target.host,
    port: target.port,
    database: target.database,
    user: target.user,
    ...(target.password === undefined ? {} : { password: target.password }),
    application_name: target.applicationName ?? 'uplift',
    max: target.maxConnections,
    connectionTimeoutMillis: target.connectTimeoutMs,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    types,
  });
  // An idle connection that breaks is dropped by the pool itself; without a listener it would end the process.
  pool.on('error', () => undefined);
  // The same for one that breaks between two statements of a transaction: the next statement reports it.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return new PooledSql(pool, target);
}

class PooledSql implements Sql {
  readonly #pool: pg.Pool;
  readonly #where: string;
  readonly #timeoutMs: number;

  constructor(pool: pg.Pool, target: SqlTarget) {
    this.#pool = pool;
    this.#where = `${target.host}:${target.port}/${target.database}`;
    this.#timeoutMs = target.queryTimeoutMs;
  }

  async query<R extends object>(
    text: string,
    values: readonly SqlValue[] = [],
    options: { readonly timeoutMs?: number } = {},
  ): Promise<SqlResult<R>> {
    const client = await this.#connect();
    try {
      const result = await statement<R>(client, text, values, options.timeoutMs ?? this.#timeoutMs);
      client.release();
      return result;
    } catch (error) {
      // After a timeout the answer is still on its way: such a connection must never serve another statement.
      client.release(!isRefusal(error));
      throw toSqlError(error, this.#where);
    }
  }

  async transaction<T>(
    work: (tx: SqlTransaction) => Promise<T>,
    options: { readonly timeoutMs?: number } = {},
  ): Promise<Committed<T>> {
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    const client = await this.#connect();
    let broken = true;
    try {
      await this.#run(client, begin(timeoutMs), [], timeoutMs);
      const value = await this.#work(client, work, timeoutMs);
      const end = await commit(client, value, timeoutMs);
      broken = end.state === 'unknown';
      return end;
    } catch (error) {
      broken = !(await rolledBack(client, timeoutMs));
      throw error instanceof CommitRefused ? toSqlError(error.cause, this.#where) : error;
    } finally {
      client.release(broken);
    }
  }

  async close(): Promise<void> {
    await withDeadline(`closing connections to ${this.#where}`, CLOSE_TIMEOUT_MS, this.#pool.end()).catch(
      () => undefined,
    );
  }

  async #work<T>(
    client: pg.PoolClient,
    work: (tx: SqlTransaction) => Promise<T>,
    timeoutMs: number,
  ): Promise<T> {
    return work({ query: (text, values = []) => this.#run(client, text, values, timeoutMs) });
  }

  async #run<R extends object>(
    client: pg.PoolClient,
    text: string,
    values: readonly SqlValue[],
    timeoutMs: number,
  ): Promise<SqlResult<R>> {
    try {
      return await statement<R>(client, text, values, timeoutMs);
    } catch (error) {
      throw toSqlError(error, this.#where);
    }
  }

  async #connect(): Promise<pg.PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw toSqlError(error, this.#where);
    }
  }
}

/**
 * BEGIN with the limits by which the server itself gives up, in one round trip and for this transaction alone. A client
 * that gave up a statement, or whose machine is gone, cannot tell it: the statement would go on waiting for its lock and
 * each further try leave one more behind, and the locks of an open transaction would be held for as long as a pooler
 * believes in the connection. Neither limit ends the wait of a COMMIT for its standby.
 */
function begin(timeoutMs: number): string {
  const limits = { statement_timeout: 0.9 * timeoutMs, idle_in_transaction_session_timeout: 2 * timeoutMs };
  const set = Object.entries(limits).map(([name, ms]) => `SET LOCAL ${name} = ${Math.ceil(ms)}`);
  return ['BEGIN', ...set].join('; ');
}

async function statement<R extends object>(
  client: pg.PoolClient,
  text: string,
  values: readonly SqlValue[],
  timeoutMs: number,
): Promise<SqlResult<R>> {
  // query_timeout is pg's per-statement option; its type declarations miss it.
  const config: pg.QueryConfig & { query_timeout: number } = {
    text,
    values: [...values],
    query_timeout: timeoutMs,
  };
  const result = await client.query<R & pg.QueryResultRow>(config);
  return { rows: result.rows, rowCount: result.rowCount ?? 0 };
}

/** COMMIT got a definite "no": nothing was written. */
class CommitRefused extends Error {
  constructor(cause: unknown) {
    super('COMMIT was refused', { cause });
    this.name = 'CommitRefused';
  }
}

function abortedError(tag: string): UpliftError {
  return new UpliftError('UPL-POSTGRES-QUERY', {
    message: `COMMIT was answered with ${tag}: the transaction was aborted`,
  });
}

async function commit<T>(client: pg.PoolClient, value: T, timeoutMs: number): Promise<Committed<T>> {
  let warning: string | undefined;
  const onNotice = (notice: { code?: string | undefined; message?: string | undefined }): void => {
    // Any 01000 during COMMIT is taken for "canceling wait for synchronous replication": its text is translated.
    if (notice.code === '01000') warning = notice.message ?? 'warning 01000';
  };
  client.on('notice', onNotice);
  try {
    const config: pg.QueryConfig & { query_timeout: number } = { text: 'COMMIT', query_timeout: timeoutMs };
    const result = await client.query(config);
    // An aborted transaction answers COMMIT with the tag ROLLBACK and no error.
    if (result.command !== 'COMMIT') throw new CommitRefused(abortedError(result.command));
    return warning === undefined
      ? { state: 'committed', value }
      : { state: 'notAcknowledged', reason: warning };
  } catch (error) {
    if (error instanceof CommitRefused) throw error;
    if (isRefusal(error)) throw new CommitRefused(error);
    return { state: 'unknown', reason: reasonOf(error) };
  } finally {
    client.off('notice', onNotice);
  }
}

async function rolledBack(client: pg.PoolClient, timeoutMs: number): Promise<boolean> {
  try {
    await statement(client, 'ROLLBACK', [], Math.min(timeoutMs, 1000));
    return true;
  } catch {
    return false;
  }
}
