export { isRefusal, sqlStateOf } from './errors.ts';
export type { Committed, Sql, SqlResult, SqlTarget, SqlTransaction, SqlValue } from './ports.ts';
export { openSql } from './sql.ts';
