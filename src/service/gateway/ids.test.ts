import { describe, expect, test } from 'vitest';
import { isUpliftError } from '../../core/error.ts';
import { LeaseTable } from '../domain/leases-fixture.ts';
import { SNOWFLAKE_EPOCH_MS, snowflakeMs } from '../domain/snowflake.ts';
import { type Clocks, leaseTerms, type Outcome } from '../domain/worker-lease.ts';
import { fixedIds, LeasedIds } from './ids.ts';
import type { LeaseStore } from './lease-store.ts';

const START = SNOWFLAKE_EPOCH_MS + 10_000_000;
const TERMS = leaseTerms(30_000);

/** A table in memory behind a database that can be away; one clock for all. */
function world() {
  const control = { nowMs: START, away: false };
  const table = new LeaseTable([700], TERMS, () => control.nowMs);
  const clocks = (): Clocks => ({ monoMs: control.nowMs - START, wallMs: control.nowMs });
  const answer = (grant: ReturnType<LeaseTable['acquire']>, none: 'taken' | 'noneFree'): Outcome => {
    if (control.away) return { kind: 'unsure', reason: 'Postgres is away', asked: clocks() };
    return grant === undefined
      ? { kind: none, asked: clocks() }
      : { kind: 'granted', grant, asked: clocks(), answered: clocks() };
  };
  const store: LeaseStore = {
    acquire: async (holder) => answer(control.away ? undefined : table.acquire(holder), 'noneFree'),
    renew: async (holder, worker) => answer(control.away ? undefined : table.renew(holder, worker), 'taken'),
    release: async (holder, worker, lastIssuedMs) => table.release(holder, worker, lastIssuedMs),
  };
  return { control, table, ids: (holder: string) => new LeasedIds({ store, terms: TERMS, holder, clocks }) };
}

const refusal = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (isUpliftError(error, 'UPL-ID-REFUSED')) return error.message;
    throw error;
  }
  return 'none';
};

describe('ids of a leased worker', () => {
  test('are refused until a worker is leased, and say of whom they are afterwards', async () => {
    const { ids, control } = world();
    const mine = ids('a');
    expect(refusal(() => mine.next())).toMatch(/no worker id: not asked yet/);
    await mine.tick();
    expect((mine.next() >> 12n) & 1023n).toBe(700n);
    expect(snowflakeMs(mine.next())).toBe(control.nowMs);
    expect(mine.state()).toBe('worker 700, leased for 30 s');
  });

  test('go on while the database is away, until the lease has run out, and again when it is back', async () => {
    const { ids, control } = world();
    const mine = ids('a');
    await mine.tick();
    control.away = true;
    control.nowMs += 29_000;
    await mine.tick();
    expect(mine.next()).toBeGreaterThan(0n);
    expect(mine.state()).toMatch(/not renewed: Postgres is away/);
    control.nowMs += 1000;
    expect(refusal(() => mine.next())).toMatch(/lease of worker 700 ran out: Postgres is away/);
    expect(refusal(() => mine.state())).toMatch(/ran out/);
    control.away = false;
    await mine.tick();
    expect(mine.next()).toBeGreaterThan(0n);
  });

  test('of a worker that is given back go on with the next process, above the last', async () => {
    const { ids, control } = world();
    const first = ids('a');
    await first.tick();
    const last = first.next();
    const second = ids('b');
    await second.tick();
    expect(refusal(() => second.next())).toMatch(/no worker id is free/);
    await first.stop();
    expect(refusal(() => first.next())).toMatch(/no worker id/);
    control.nowMs += TERMS.retryMs;
    await second.tick();
    expect(second.next()).toBeGreaterThan(last);
  });

  test('are refused from the moment the worker is somebody else’s', async () => {
    const { ids, control, table } = world();
    const mine = ids('a');
    await mine.tick();
    for (const row of table.rows) row.holder = 'b';
    control.nowMs += TERMS.renewEveryMs;
    await mine.tick();
    expect(refusal(() => mine.state())).toMatch(/went to another process/);
    expect(refusal(() => mine.next())).toMatch(/went to another process/);
  });

  test('are refused when the clock of the database is far behind the last of them', async () => {
    const { ids, control, table } = world();
    for (const row of table.rows) Object.assign(row, { holder: 'a', lastMs: START, floorMs: START });
    const mine = ids('a');
    control.nowMs = START - 6000;
    await mine.tick();
    expect(refusal(() => mine.state())).toMatch(/6001 ms behind/);
    expect(refusal(() => mine.next())).toMatch(/6001 ms behind/);
  });
});

test('a fixed worker refuses while its clock is behind, its state too, until the clock has caught up', () => {
  let nowMs = START;
  const ids = fixedIds(7, () => nowMs);
  expect(ids.state()).toBe('worker 7, fixed');
  expect(ids.next()).toBeGreaterThan(0n);
  nowMs -= 60_000;
  expect(refusal(() => ids.state())).toMatch(/behind the last id/);
  expect(refusal(() => ids.next())).toMatch(/behind the last id/);
  nowMs += 60_000;
  expect(ids.state()).toBe('worker 7, fixed');
});
