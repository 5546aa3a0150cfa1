import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startPostgres, type TestPostgres } from '../../../test/support/postgres-server.ts';
import { openSql, type Sql } from '../../clients/postgres/index.ts';
import { snowflakeMs } from '../domain/snowflake.ts';
import { type Grant, leaseTerms, type Outcome } from '../domain/worker-lease.ts';
import { migrate } from '../migrate.ts';
import { LeasedIds, processClocks } from './ids.ts';
import { FIRST_LEASED_WORKER, type LeaseStore, leaseStore } from './lease-store.ts';

const TERMS = leaseTerms(60_000);
let postgres: TestPostgres;
let direct: Sql;
let pooled: Sql;
let store: LeaseStore;

beforeAll(async () => {
  postgres = await startPostgres('uplift-leases');
  direct = openSql(postgres.direct);
  pooled = openSql({ ...postgres.pooled, maxConnections: 8 });
  store = leaseStore(pooled, TERMS, processClocks);
  await migrate(direct);
});

afterAll(async () => {
  await pooled?.close();
  await direct?.close();
  await postgres?.stop();
});

beforeEach(async () => {
  await direct.query(
    'UPDATE uplift_service.worker_leases SET holder = NULL, lease_until = NULL, floor_ms = 0, last_ms = 0',
  );
});

function grantOf(outcome: Outcome): Grant {
  if (outcome.kind === 'granted') return outcome.grant;
  throw new Error(`not granted: ${JSON.stringify(outcome)}`);
}

/** The same as a clock of the database that goes forward: every stored time becomes older. */
async function pass(ms: number): Promise<void> {
  await direct.query(
    `UPDATE uplift_service.worker_leases
     SET lease_until = lease_until - $1::bigint * interval '1 millisecond', last_ms = last_ms - $1::bigint,
       floor_ms = floor_ms - $1::bigint WHERE last_ms > 0`,
    [ms],
  );
}

/** Leaves one worker to lease. */
const onlyOne = async (): Promise<void> => {
  const far = `UPDATE uplift_service.worker_leases SET holder = 'else', lease_until = 'infinity' WHERE worker > $1`;
  await direct.query(far, [FIRST_LEASED_WORKER]);
};

describe('leases of workers, through PgBouncer in transaction mode', () => {
  test('go to processes that ask at once one each, none below the leased range', async () => {
    const grants = (
      await Promise.all(Array.from({ length: 40 }, (_, i) => store.acquire(`holder ${i}`)))
    ).map(grantOf);
    expect(new Set(grants.map((grant) => grant.worker)).size).toBe(40);
    expect(Math.min(...grants.map((grant) => grant.worker))).toBeGreaterThanOrEqual(FIRST_LEASED_WORKER);
  });

  test('come from the range of their region only', async () => {
    const own = leaseStore(pooled, TERMS, processClocks, { first: 700, last: 701 });
    const both = [grantOf(await own.acquire('a')).worker, grantOf(await own.acquire('b')).worker];
    expect(both.toSorted()).toEqual([700, 701]);
    expect((await own.acquire('c')).kind).toBe('noneFree');
  });

  test('reserve the times of the lease and carry the clock of the database', async () => {
    const before = Date.now();
    const grant = grantOf(await store.acquire('a'));
    expect(grant.floorMs).toBe(0);
    expect(grant.ceilingMs - grant.nowMs).toBe(TERMS.leaseMs + TERMS.aheadMs);
    expect(grant.nowMs).toBeGreaterThanOrEqual(before - 1);
    expect(grant.nowMs).toBeLessThanOrEqual(Date.now() + 1);
    const again = grantOf(await store.renew('a', grant.worker));
    expect(again).toMatchObject({ worker: grant.worker, floorMs: 0 });
    expect(again.ceilingMs).toBeGreaterThanOrEqual(grant.ceilingMs);
  });

  test('that were granted without the answer arriving are found again by the same holder', async () => {
    const first = grantOf(await store.acquire('a'));
    const second = grantOf(await store.acquire('a'));
    expect(second).toMatchObject({ worker: first.worker, floorMs: first.floorMs });
  });

  test('stay with a holder that is silent until the quarantine has passed, then begin above its reserve', async () => {
    await onlyOne();
    const first = grantOf(await store.acquire('a'));
    expect((await store.acquire('b')).kind).toBe('noneFree');
    await pass(TERMS.leaseMs + TERMS.quarantineMs - 2000);
    expect((await store.acquire('b')).kind).toBe('noneFree');
    const late = grantOf(await store.renew('a', first.worker));
    expect(late.ceilingMs - late.nowMs).toBe(TERMS.leaseMs + TERMS.aheadMs);
    await pass(TERMS.leaseMs + TERMS.quarantineMs + 1000);
    const second = grantOf(await store.acquire('b'));
    expect(second.worker).toBe(first.worker);
    expect(second.floorMs).toBe(late.ceilingMs - TERMS.leaseMs - TERMS.quarantineMs - 1000);
    expect((await store.renew('a', first.worker)).kind).toBe('taken');
  });

  test('of a worker whose last id lies before the clock of the database are not given', async () => {
    await onlyOne();
    const grant = grantOf(await store.acquire('a'));
    await store.release('a', grant.worker, grant.nowMs + 60_000);
    expect((await store.acquire('b')).kind).toBe('noneFree');
    await pass(61_000);
    expect(grantOf(await store.acquire('b')).worker).toBe(grant.worker);
  });

  test('that are given back are free at once, and a release by another process changes nothing', async () => {
    await onlyOne();
    const grant = grantOf(await store.acquire('a'));
    await store.release('b', grant.worker, grant.nowMs - 10);
    expect((await store.acquire('b')).kind).toBe('noneFree');
    await store.release('a', grant.worker, grant.nowMs - 10);
    expect(grantOf(await store.acquire('b')).floorMs).toBe(grant.nowMs - 10);
  });
});

test('processes that come and go give no id twice, and a database that is away ends no lease', async () => {
  const ids = new Set<bigint>();
  let made = 0;
  const take = (source: LeasedIds): void => {
    for (let i = 0; i < 5000; i += 1) ids.add(source.next());
    made += 5000;
  };
  for (let round = 0; round < 3; round += 1) {
    const sources = Array.from(
      { length: 4 },
      (_, i) => new LeasedIds({ store, terms: TERMS, holder: `${round}/${i}` }),
    );
    await Promise.all(sources.map((source) => source.tick()));
    for (const source of sources) take(source);
    await Promise.all(sources.map((source) => source.stop()));
  }
  const last = new LeasedIds({ store, terms: TERMS, holder: 'last' });
  await last.tick();
  await postgres.kill();
  take(last);
  await last.tick();
  take(last);
  expect(ids.size).toBe(made);
  expect(Math.abs(snowflakeMs(last.next()) - Date.now())).toBeLessThan(1500);
  await last.stop();
  await postgres.start();
});
