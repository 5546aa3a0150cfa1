import type { Sql } from '../../clients/postgres/index.ts';
import { type Probe, QUESTION_MS } from './probes.ts';

/** The probe `postgres`: a statement is answered. With an end of its own: a server that is back is asked at once. */
export function postgresProbe(sql: Pick<Sql, 'query'>): Probe {
  return {
    name: 'postgres',
    run: async () => {
      await sql.query('SELECT 1', [], { timeoutMs: QUESTION_MS });
      return 'answers';
    },
  };
}
