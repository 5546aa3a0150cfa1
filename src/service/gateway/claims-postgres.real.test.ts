import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ServiceDatabase, startServiceDatabase } from '../../../test/support/service-database.ts';
import type { Sql } from '../../clients/postgres/index.ts';
import { claimKeyOf } from './claim-entry.ts';
import type { FallbackClaims } from './claims-first-of.ts';
import { anyClaims, deleteExpiredClaims, postgresClaims } from './claims-postgres.ts';

const EVENT = 'e'.repeat(32);
const KEY = claimKeyOf('acme', EVENT);
const LONG_MS = 60_000;
let database: ServiceDatabase;
let direct: Sql;
let sql: Sql;
let claims: FallbackClaims;
let crossed = 0;

beforeAll(async () => {
  database = await startServiceDatabase('uplift-claims');
  ({ direct, sql } = database);
  claims = postgresClaims(sql, () => {
    crossed += 1;
  });
});

afterAll(() => database?.stop());

beforeEach(async () => {
  crossed = 0;
  await direct.query('TRUNCATE uplift_service.idempotency_claims, uplift_service.operations');
});

describe('claims in Postgres', () => {
  test('of many that come at once for one key exactly one is granted, and the others get its value', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => claims.claim(KEY, `value-${i}`, LONG_MS)),
    );
    const granted = answers.flatMap((answer, i) => (answer.claimed ? [`value-${i}`] : []));
    expect(granted).toHaveLength(1);
    const told = answers.flatMap((answer) => (answer.claimed ? [] : [answer.value]));
    expect(new Set(told)).toEqual(new Set(granted));
  });

  test('the same event id of another tenant is another claim', async () => {
    await claims.claim(KEY, 'a', LONG_MS);
    expect(await claims.claim(claimKeyOf('other', EVENT), 'b', LONG_MS)).toEqual({ claimed: true });
    expect(await claims.look(KEY)).toBe('a');
  });

  test('a put is what the next claim gets, also without a claim before it', async () => {
    await claims.put(KEY, 'done', LONG_MS);
    expect(await claims.claim(KEY, 'mine', LONG_MS)).toEqual({ claimed: false, value: 'done' });
  });

  test('an expired claim is granted anew and is in nobody’s way', async () => {
    await claims.claim(KEY, 'old', 1);
    await expect.poll(() => claims.look(KEY)).toBeUndefined();
    expect(await anyClaims(sql)).toBe(false);
    expect(await claims.claim(KEY, 'new', LONG_MS)).toEqual({ claimed: true });
    expect([await claims.look(KEY), await anyClaims(sql)]).toEqual(['new', true]);
  });

  test('a grant for an event id that was decided before is told of: Redis had granted it', async () => {
    await direct.query(
      `INSERT INTO uplift_service.operations (tenant, event_id, decision, command_partition, command_offset, event_offset)
       VALUES ('acme', $1, 'accepted', 0, 0, 0)`,
      [EVENT],
    );
    expect(await claims.claim(KEY, 'mine', LONG_MS)).toEqual({ claimed: true, decidedBefore: true });
    expect(crossed).toBe(1);
    await claims.claim(KEY, 'mine', LONG_MS);
    expect(crossed).toBe(1);
  });

  test('expired claims are deleted in bounded batches, the others stay', async () => {
    const keys = Array.from({ length: 25 }, (_, i) => claimKeyOf('acme', String(i).padStart(32, '0')));
    await Promise.all(keys.map((key) => claims.put(key, 'old', 1)));
    await claims.put(KEY, 'young', LONG_MS);
    await expect.poll(() => claims.look(keys[24] ?? '')).toBeUndefined();
    expect(await deleteExpiredClaims(sql, 10)).toBe(10);
    expect(await deleteExpiredClaims(sql, 100)).toBe(15);
    expect(await claims.look(KEY)).toBe('young');
  });
});
