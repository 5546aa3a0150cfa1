import { beforeEach, describe, expect, test } from 'vitest';
import type { Sql } from '../../clients/postgres/index.ts';
import type { Claims } from '../../clients/redis/index.ts';
import { claimKeyOf } from './claim-entry.ts';
import { openGatewayClaims } from './claims.ts';

const KEY = claimKeyOf('t', '1');

/** Redis that grants everything, Postgres in a map; both can be away, and Postgres can be slow to say what it holds. */
function setUp() {
  const held = new Map<string, string>();
  const control = { redisAway: false, postgresAway: false, gate: undefined as Promise<void> | undefined };
  let asked = 0;
  const reach = (away: boolean, who: string): void => {
    if (away) throw new Error(`${who} is away`);
  };
  const redis: Claims = {
    claim: async () => {
      reach(control.redisAway, 'Redis');
      return { claimed: true };
    },
    put: async () => reach(control.redisAway, 'Redis'),
    probe: async () => reach(control.redisAway, 'Redis'),
    close: async () => undefined,
  };
  const answer = async (text: string, values: readonly unknown[]): Promise<object[]> => {
    asked += 1;
    reach(control.postgresAway, 'Postgres');
    if (text.includes('in_use')) {
      const inUse = held.size > 0;
      await control.gate;
      return [{ in_use: inUse }];
    }
    const key = String(values[1]);
    if (text.startsWith('INSERT') && !held.has(key)) {
      held.set(key, String(values[2]));
      return [{ decided: false }];
    }
    const value = held.get(key);
    return text.startsWith('SELECT') && value !== undefined ? [{ value }] : [];
  };
  const sql: Sql = {
    query: async <R extends object>(text: string, values: readonly unknown[] = []) => {
      const rows = (await answer(text, values)) as R[];
      return { rows, rowCount: rows.length };
    },
    transaction: async () => ({ state: 'unknown', reason: 'not used' }),
    close: async () => undefined,
  };
  const claims = openGatewayClaims({ redis, sql, onFallback: () => undefined, onCrossed: () => undefined });
  return { claims, control, asked: () => asked };
}

let store: ReturnType<typeof setUp>;
beforeEach(() => {
  store = setUp();
});

describe('the probe of claims', () => {
  test('says who takes them, and fails only when nobody does', async () => {
    const { claims, control } = store;
    expect(await claims.probe()).toBe('Redis takes them');
    control.redisAway = true;
    expect(await claims.probe()).toBe('Postgres takes them: Redis is away');
    control.postgresAway = true;
    await expect(claims.probe()).rejects.toThrow('Redis is away');
    control.redisAway = false;
    expect(await claims.probe()).toBe('Redis takes them');
  });

  test('an answer that is older than a claim in Postgres does not make the gateway forget it', async () => {
    const { claims, control } = store;
    await claims.probe();
    const gate = Promise.withResolvers<void>();
    control.gate = gate.promise;
    const asked = claims.probe();
    control.redisAway = true;
    await claims.claim(KEY, 'granted', 1000);
    control.redisAway = false;
    gate.resolve();
    await asked;
    expect(await claims.claim(KEY, 'mine', 1000)).toEqual({ claimed: false, value: 'granted' });
  });

  test('while Postgres does not answer nobody waits for it: what Redis grants counts', async () => {
    const { claims, control, asked } = store;
    control.redisAway = true;
    await claims.claim(KEY, 'granted', 1000);
    control.redisAway = false;
    control.postgresAway = true;
    await claims.probe();
    const before = asked();
    expect(await claims.claim(KEY, 'mine', 1000)).toEqual({ claimed: true });
    expect(asked()).toBe(before);
    control.postgresAway = false;
    await claims.probe();
    expect(await claims.claim(KEY, 'mine', 1000)).toEqual({ claimed: false, value: 'granted' });
  });

  test('before Postgres has said that it holds none, it is looked at', async () => {
    const { claims, control } = store;
    control.redisAway = true;
    await claims.claim(KEY, 'granted', 1000);
    control.redisAway = false;
    expect(await claims.claim(KEY, 'mine', 1000)).toEqual({ claimed: false, value: 'granted' });
    await claims.probe();
    expect(await claims.probe()).toBe('Redis takes them; Postgres holds some of a time without it');
  });
});
