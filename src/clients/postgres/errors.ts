import { reasonOf, UpliftError } from '../../core/error.ts';

/** SQLSTATE classes that say "the server is not there for you now", not "your statement is wrong". */
const AWAY_CLASSES: ReadonlySet<string> = new Set(['08', '53', '57', '58']);

interface ServerError extends Error {
  readonly code: string;
  readonly severity: string;
}

/** True for an error that Postgres or PgBouncer itself sent (an ErrorResponse with a SQLSTATE). */
export function isServerError(error: unknown): error is ServerError {
  if (!(error instanceof Error)) return false;
  const { code, severity } = error as Partial<ServerError>;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && typeof severity === 'string';
}

/** SQLSTATE of a failure of this client, or undefined when the server said nothing (PostgreSQL, Appendix A). */
export function sqlStateOf(error: unknown): string | undefined {
  if (isServerError(error)) return error.code;
  return error instanceof Error && error.cause !== undefined ? sqlStateOf(error.cause) : undefined;
}

/** Did the server give a definite "no" to this statement? False when it may have been cut off half way. */
export function isRefusal(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state !== undefined && !AWAY_CLASSES.has(state.slice(0, 2));
}

/** Wraps whatever pg threw; `where` is host:port/database, never with a password. */
export function toSqlError(error: unknown, where: string): UpliftError {
  if (error instanceof UpliftError) return error;
  if (isRefusal(error)) {
    return new UpliftError('UPL-POSTGRES-QUERY', {
      message: `Postgres at ${where} refused a statement: ${reasonOf(error)} (SQLSTATE ${sqlStateOf(error)})`,
      cause: error,
    });
  }
  const state = sqlStateOf(error);
  // A full disk, no memory, no connection left: it is there, and says so itself.
  const lacks = state?.startsWith('53') === true;
  return new UpliftError('UPL-POSTGRES-UNREACHABLE', {
    message: lacks
      ? `Postgres at ${where} lacks what it needs: ${reasonOf(error)} (SQLSTATE ${state})`
      : `Postgres at ${where} did not answer: ${reasonOf(error)}`,
    next: 'If this is the sandbox: uplift sandbox status',
    cause: error,
  });
}
