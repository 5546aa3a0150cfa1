import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPostgres, type TestPostgres } from '../../../test/support/postgres-server.ts';
import { isUpliftError } from '../../core/error.ts';
import { waitFor } from '../../core/wait.ts';
import { type Committed, openSql, type Sql, sqlStateOf } from './index.ts';

let postgres: TestPostgres;
let direct: Sql;
let pooled: Sql;

beforeAll(async () => {
  postgres = await startPostgres('uplift-sql');
  direct = openSql({ ...postgres.direct, maxConnections: 3 });
  pooled = openSql({ ...postgres.pooled, maxConnections: 3 });
  await direct.query('CREATE TABLE notes (id int PRIMARY KEY, at timestamptz, n bigint)');
});

afterAll(async () => {
  await direct?.close();
  await pooled?.close();
  await postgres?.stop();
});

const caught = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

const idsNow = async (): Promise<number[]> =>
  (await direct.query<{ id: number }>('SELECT id FROM notes ORDER BY id')).rows.map((row) => row.id);

/** Commits wait for a standby only once the checkpointer has reloaded too, which no query shows: try until one does. */
async function untilItWaits(write: () => Promise<Committed<void>>): Promise<Committed<void>> {
  for (let attempt = 1; ; attempt += 1) {
    const end = await write();
    if (end.state !== 'committed' || attempt === 20) return end;
  }
}

const CANCEL = `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`;

describe.each([
  ['directly', () => direct],
  ['through PgBouncer in transaction mode', () => pooled],
])('Sql %s', (_, sql) => {
  test('answers int8 as bigint and timestamptz as Date, and takes arrays', async () => {
    const { rows } = await sql().query<{ n: bigint; at: Date; ids: bigint }>(
      'SELECT $1::bigint AS n, $2::timestamptz AS at, sum(x)::bigint AS ids FROM unnest($3::bigint[]) x',
      [2n ** 60n, '2026-06-01T00:00:00Z', [1n, 2n]],
    );
    expect(rows).toEqual([{ n: 2n ** 60n, at: new Date('2026-06-01T00:00:00Z'), ids: 3n }]);
  });

  test('a transaction whose work throws leaves nothing', async () => {
    await direct.query('DELETE FROM notes');
    const error = await caught(
      sql().transaction(async (tx) => {
        await tx.query('INSERT INTO notes VALUES (1)');
        throw new RangeError('stop');
      }),
    );
    expect(error).toBeInstanceOf(RangeError);
    expect(await idsNow()).toEqual([]);
  });

  test('a refused statement is UPL-POSTGRES-QUERY with its SQLSTATE, and the connection is good afterwards', async () => {
    await direct.query('DELETE FROM notes');
    const error = await caught(
      sql().transaction(async (tx) => {
        await tx.query('INSERT INTO notes VALUES (1)');
        await tx.query('INSERT INTO notes VALUES (1)');
      }),
    );
    expect(isUpliftError(error, 'UPL-POSTGRES-QUERY')).toBe(true);
    expect(sqlStateOf(error)).toBe('23505');
    expect(
      await sql().transaction(async (tx) => (await tx.query('INSERT INTO notes VALUES (2)')).rowCount),
    ).toEqual({
      state: 'committed',
      value: 1,
    });
    expect(await idsNow()).toEqual([2]);
  });

  test('work that swallowed an error does not commit: the server answers ROLLBACK', async () => {
    const error = await caught(
      sql().transaction(async (tx) => {
        await caught(tx.query('SELECT 1/0'));
      }),
    );
    expect(isUpliftError(error, 'UPL-POSTGRES-QUERY')).toBe(true);
  });

  test('a statement that takes too long is UPL-POSTGRES-UNREACHABLE, and the next one works', async () => {
    const error = await caught(sql().query('SELECT pg_sleep(2)', [], { timeoutMs: 200 }));
    expect(isUpliftError(error, 'UPL-POSTGRES-UNREACHABLE')).toBe(true);
    expect((await sql().query<{ one: number }>('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  test('what a client gave up in a transaction does not go on waiting in the server', async () => {
    await direct.query('TRUNCATE notes');
    await direct.query('INSERT INTO notes VALUES (1)');
    const release = Promise.withResolvers<void>();
    const holder = direct.transaction(
      async (tx) => {
        await tx.query('UPDATE notes SET n = 1');
        await release.promise;
      },
      { timeoutMs: 30_000 },
    );
    try {
      for (let attempt = 0; attempt < 3; attempt += 1) {
        const wait = sql().transaction((tx) => tx.query('UPDATE notes SET n = 2'), { timeoutMs: 300 });
        expect(isUpliftError(await caught(wait), 'UPL-POSTGRES-UNREACHABLE')).toBe(true);
      }
      const { rows } = await direct.query(`SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'`);
      expect(rows).toEqual([]);
    } finally {
      release.resolve();
      await holder;
    }
  });

  test('a client that hangs in a transaction does not keep its locks', async () => {
    await direct.query('TRUNCATE notes');
    await direct.query('INSERT INTO notes VALUES (1)');
    const locked = Promise.withResolvers<void>();
    const woken = Promise.withResolvers<void>();
    const hung = sql().transaction(
      async (tx) => {
        await tx.query('UPDATE notes SET n = 1');
        locked.resolve();
        await woken.promise;
        await tx.query('UPDATE notes SET n = 2');
      },
      { timeoutMs: 300 },
    );
    hung.catch(() => undefined);
    await locked.promise;
    try {
      const taken = async () => (await direct.query('SELECT 1 FROM notes FOR UPDATE NOWAIT')).rowCount === 1;
      await waitFor(taken, { what: 'the row is free', timeoutMs: 3000 });
    } finally {
      woken.resolve();
    }
    expect(await caught(hung)).toBeInstanceOf(Error);
    expect((await direct.query<{ n: bigint | null }>('SELECT n FROM notes')).rows).toEqual([{ n: null }]);
    expect((await sql().query('SELECT 1')).rowCount).toBe(1);
  });

  /** A reload reaches each session in its own time: this one writes when it has heard of it. */
  const writeOnceReloaded = (id: number, options?: { timeoutMs: number }): Promise<Committed<void>> =>
    sql().transaction(async (tx) => {
      await waitFor(
        async () =>
          (await tx.query<{ v: string }>(`SELECT current_setting('synchronous_standby_names') AS v`)).rows[0]
            ?.v === 'nobody',
        { what: 'reload', timeoutMs: 2000 },
      );
      await tx.query('DELETE FROM notes');
      await tx.query(`INSERT INTO notes VALUES (${id})`);
    }, options);

  test('a cancelled wait for a standby is notAcknowledged, although the row stands on the primary', async () => {
    await direct.query('DELETE FROM notes');
    await direct.query(`ALTER SYSTEM SET synchronous_standby_names = 'nobody'`);
    await direct.query('SELECT pg_reload_conf()');
    try {
      const end = await untilItWaits(async () => {
        const stop = new AbortController();
        const cancelling = waitFor(async () => (await direct.query(CANCEL)).rowCount > 0, {
          what: 'a waiting commit',
          timeoutMs: 10_000,
          signal: stop.signal,
        });
        cancelling.catch(() => undefined);
        const ended = await writeOnceReloaded(7);
        stop.abort();
        return ended;
      });
      expect(end).toMatchObject({ state: 'notAcknowledged' });
    } finally {
      await direct.query('ALTER SYSTEM RESET synchronous_standby_names');
      await direct.query('SELECT pg_reload_conf()');
    }
    expect(await idsNow()).toEqual([7]);
  });

  test('a COMMIT without an answer in time is unknown', async () => {
    await direct.query('DELETE FROM notes');
    await direct.query(`ALTER SYSTEM SET synchronous_standby_names = 'nobody'`);
    await direct.query('SELECT pg_reload_conf()');
    try {
      const end = await untilItWaits(() => writeOnceReloaded(8, { timeoutMs: 500 }));
      expect(end.state).toBe('unknown');
    } finally {
      await direct.query('ALTER SYSTEM RESET synchronous_standby_names');
      await direct.query('SELECT pg_reload_conf()');
    }
  });
});

test('a connection that breaks between two statements fails the next one and ends nothing else', async () => {
  const error = await caught(
    direct.transaction(async (tx) => {
      const { rows } = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await pooled.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid ?? 0]);
      const gone = async () =>
        (await pooled.query('SELECT 1 FROM pg_stat_activity WHERE pid = $1', [rows[0]?.pid ?? 0]))
          .rowCount === 0;
      await waitFor(gone, { what: 'the backend to end', timeoutMs: 2000 });
      await tx.query('INSERT INTO notes VALUES (9)');
    }),
  );
  expect(isUpliftError(error, 'UPL-POSTGRES-UNREACHABLE')).toBe(true);
  expect(await idsNow()).not.toContain(9);
});

test('a dead server is UPL-POSTGRES-UNREACHABLE within the connect timeout, and the pool works again after it', async () => {
  await postgres.kill();
  const startedMs = performance.now();
  for (const sql of [direct, pooled]) {
    const error = await caught(sql.query('SELECT 1'));
    expect(isUpliftError(error, 'UPL-POSTGRES-UNREACHABLE')).toBe(true);
  }
  expect(performance.now() - startedMs).toBeLessThan(8000);
  await postgres.start();
  for (const sql of [direct, pooled]) {
    const ask = async (): Promise<boolean> => (await sql.query('SELECT 1')).rowCount === 1;
    await waitFor(ask, { what: 'the pool to recover', timeoutMs: 10_000 });
  }
});
