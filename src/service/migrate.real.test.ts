import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ServiceDatabase, startServiceDatabase } from '../../test/support/service-database.ts';
import { migrate } from './migrate.ts';
import { MIGRATIONS, type Migration } from './migrations.ts';

let database: ServiceDatabase;

beforeAll(async () => {
  database = await startServiceDatabase('uplift-migrate');
});

afterAll(() => database?.stop());

const and = (sql: string): Migration[] => [...MIGRATIONS, { version: 1_000_000, name: 'one more', sql }];
const applied = async (): Promise<number> => {
  const { rows } = await database.direct.query('SELECT version FROM uplift_service.migrations');
  return rows.length;
};

describe('a migration', () => {
  test('that cannot have a table gives up soon, changes nothing, and leaves nobody waiting behind it', async () => {
    const { direct, sql } = database;
    await direct.query('CREATE TABLE busy (n int)');
    const release = Promise.withResolvers<void>();
    const reader = direct.transaction(async (tx) => {
      await tx.query('SELECT count(*) FROM busy');
      await release.promise;
    });
    try {
      const startedMs = performance.now();
      const migrations = and('CREATE TABLE first (n int); ALTER TABLE busy ADD COLUMN m int');
      await expect(migrate(direct, { migrations })).rejects.toMatchObject({ code: 'UPL-POSTGRES-QUERY' });
      expect(performance.now() - startedMs).toBeLessThan(20_000);
      // The reader still holds it: whoever comes now must not stand behind a statement that nobody waits for.
      expect((await sql.query('SELECT n FROM busy')).rowCount).toBe(0);
      expect((await sql.query(`SELECT to_regclass('first') AS name`)).rows).toEqual([{ name: null }]);
      expect(await applied()).toBe(MIGRATIONS.length);
    } finally {
      release.resolve();
      await reader;
    }
  });

  test('that takes too long does not go on in the server after the client has given up', async () => {
    const { direct } = database;
    const migrations = and('SELECT pg_sleep(60)');
    await expect(migrate(direct, { migrations, timeoutMs: 2000 })).rejects.toThrow();
    const { rows } = await direct.query(
      `SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND state = 'active' AND pid <> pg_backend_pid()`,
    );
    expect(rows).toEqual([]);
    expect(await applied()).toBe(MIGRATIONS.length);
  });
});
