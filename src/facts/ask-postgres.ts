import type { Sql } from '../clients/postgres/ports.ts';

/** The one thing collectors need of a Postgres connection. */
export type AskPostgres = Pick<Sql, 'query'>;
