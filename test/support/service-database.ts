import { openSql, type Sql } from '../../src/clients/postgres/index.ts';
import { migrate } from '../../src/service/migrate.ts';
import { startPostgres } from './postgres-server.ts';

/** A real Postgres with the schema of the service, empty. */
export interface ServiceDatabase {
  /** Past the pooler. */
  readonly direct: Sql;
  /** Through PgBouncer in transaction mode, as the service goes. */
  readonly sql: Sql;
  stop(): Promise<void>;
}

export async function startServiceDatabase(name: string): Promise<ServiceDatabase> {
  const postgres = await startPostgres(name);
  const direct = openSql(postgres.direct);
  const sql = openSql(postgres.pooled);
  const stop = async (): Promise<void> => {
    await Promise.all([sql.close(), direct.close()]);
    await postgres.stop();
  };
  try {
    await migrate(direct);
  } catch (error) {
    await stop();
    throw error;
  }
  return { direct, sql, stop };
}
