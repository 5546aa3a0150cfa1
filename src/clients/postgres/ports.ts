/** Where a Postgres server (or PgBouncer) is and how long it may take. Secrets are values here, already read. */
export interface SqlTarget {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password?: string;
  /** Shown in pg_stat_activity. */
  readonly applicationName?: string;
  /** Upper bound of connections held at once; further work waits at most `connectTimeoutMs` for one. */
  readonly maxConnections: number;
  readonly connectTimeoutMs: number;
  /** Client-side bound of one statement (S14: a server-side timeout does not end a wait for a standby). */
  readonly queryTimeoutMs: number;
}

/** A parameter of a statement. Arrays go to `unnest`. */
export type SqlValue =
  | string
  | number
  | bigint
  | boolean
  | Date
  | null
  | readonly (string | number | bigint | null)[];

export interface SqlResult<R> {
  readonly rows: readonly R[];
  /** Rows returned or changed. */
  readonly rowCount: number;
}

/** Statements of one open transaction, in order, on one connection. */
export interface SqlTransaction {
  query<R extends object = Record<string, unknown>>(
    text: string,
    values?: readonly SqlValue[],
  ): Promise<SqlResult<R>>;
}

/**
 * How a COMMIT ended. `unknown`: the answer never came, so the transaction may stand or not. `notAcknowledged`: it
 * stands on the primary, but the wait for a synchronous standby was cancelled (notice 01000), so a failover may lose
 * it. Neither is a success: whoever asked reads again what is there.
 */
export type Committed<T> =
  | { readonly state: 'committed'; readonly value: T }
  | { readonly state: 'unknown'; readonly reason: string }
  | { readonly state: 'notAcknowledged'; readonly reason: string };

/** Postgres over a bounded pool. Statements are never named: PgBouncer in transaction mode keeps no prepared ones. */
export interface Sql {
  /**
   * One statement outside a transaction. int8 comes as bigint, timestamptz as Date.
   * Throws UPL-POSTGRES-UNREACHABLE (no answer in time) or UPL-POSTGRES-QUERY (the server refused; see `sqlStateOf`).
   */
  query<R extends object = Record<string, unknown>>(
    text: string,
    values?: readonly SqlValue[],
    options?: { readonly timeoutMs?: number },
  ): Promise<SqlResult<R>>;
  /**
   * Runs `work` between BEGIN and COMMIT. When `work` throws, or COMMIT is refused, nothing was written and the error
   * is thrown; every other end of the COMMIT is a value, because the caller has to act on it. The server ends a statement
   * a little before the client gives up on it, and the transaction of a client that says nothing for twice that time.
   */
  transaction<T>(
    work: (tx: SqlTransaction) => Promise<T>,
    options?: { readonly timeoutMs?: number },
  ): Promise<Committed<T>>;
  close(): Promise<void>;
}
