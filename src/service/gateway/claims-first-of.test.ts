import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Claim } from '../../clients/redis/index.ts';
import { type FallbackClaims, firstOf } from './claims-first-of.ts';

const KEY = 'idem:t/1';

/** A store in a map that can be away. */
function store() {
  const held = new Map<string, string>();
  const control = { away: false, asked: 0 };
  const reach = (): void => {
    control.asked += 1;
    if (control.away) throw new Error('away');
  };
  const claims: FallbackClaims = {
    async claim(key, value): Promise<Claim> {
      reach();
      const before = held.get(key);
      if (before !== undefined) return { claimed: false, value: before };
      held.set(key, value);
      return { claimed: true };
    },
    async put(key, value) {
      reach();
      held.set(key, value);
    },
    async look(key) {
      reach();
      return held.get(key);
    },
  };
  return { held, control, claims };
}

function setUp(holds = false) {
  const redis = store();
  const postgres = store();
  const seen = { holds, crossed: 0, fallback: 0 };
  const claims = firstOf(redis.claims, postgres.claims, {
    fallbackHolds: () => seen.holds,
    onFallback: () => {
      seen.fallback += 1;
      seen.holds = true;
    },
    onCrossed: () => {
      seen.crossed += 1;
    },
  });
  return { redis, postgres, seen, claims };
}

type State = 'away' | 'free' | 'taken';
interface Expected {
  readonly answer: 'granted' | 'redis' | 'postgres' | 'away';
  readonly crossed: number;
}
const granted: Expected = { answer: 'granted', crossed: 0 };
const fromRedis: Expected = { answer: 'redis', crossed: 0 };
const fromPostgres: Expected = { answer: 'postgres', crossed: 0 };
const crossed: Expected = { answer: 'postgres', crossed: 1 };
const neither: Expected = { answer: 'away', crossed: 0 };

describe('a claim in the first store that is there', () => {
  test.each<[redis: State, postgres: State, holds: boolean, expected: Expected]>([
    ['free', 'free', false, granted],
    ['free', 'free', true, granted],
    ['free', 'taken', false, granted],
    ['free', 'taken', true, crossed],
    ['free', 'away', false, granted],
    ['free', 'away', true, granted],
    ['taken', 'free', false, fromRedis],
    ['taken', 'free', true, fromRedis],
    ['taken', 'taken', false, fromRedis],
    ['taken', 'taken', true, fromRedis],
    ['taken', 'away', false, fromRedis],
    ['taken', 'away', true, fromRedis],
    ['away', 'free', false, granted],
    ['away', 'free', true, granted],
    ['away', 'taken', false, fromPostgres],
    ['away', 'taken', true, fromPostgres],
    ['away', 'away', false, neither],
    ['away', 'away', true, neither],
  ])(
    'Redis %s, Postgres %s, Postgres holds claims of an outage: %s',
    async (first, second, holds, expected) => {
      const { redis, postgres, seen, claims } = setUp(holds);
      redis.control.away = first === 'away';
      postgres.control.away = second === 'away';
      if (first === 'taken') redis.held.set(KEY, 'redis');
      if (second === 'taken') postgres.held.set(KEY, 'postgres');
      const answer = await claims.claim(KEY, 'mine', 1000).then(
        (claim) => (claim.claimed ? 'granted' : claim.value),
        () => 'away',
      );
      expect({ answer, crossed: seen.crossed }).toEqual(expected);
    },
  );

  test('Postgres is not asked while Redis answers and no outage was', async () => {
    const { postgres, claims } = setUp();
    await claims.claim(KEY, 'mine', 1000);
    await claims.put(KEY, 'done', 1000);
    expect(postgres.control.asked).toBe(0);
  });
});

/** Plays moves on one key while Postgres is always there; answers who granted it, in order. */
async function play(moves: readonly string[]): Promise<{ grantedBy: string[]; crossed: number }> {
  const { redis, seen, claims } = setUp();
  const grantedBy: string[] = [];
  for (const [at, move] of moves.entries()) {
    if (move === 'away' || move === 'back') redis.control.away = move === 'away';
    else if (move === 'put') await claims.put(KEY, `put-${at}`, 1000);
    else if ((await claims.claim(KEY, `claim-${at}`, 1000)).claimed)
      grantedBy.push(redis.control.away ? 'postgres' : 'redis');
  }
  return { grantedBy, crossed: seen.crossed };
}

describe('across an outage of Redis', () => {
  test('a key that Postgres granted is known after Redis came back, and its end too', async () => {
    const { redis, seen, claims } = setUp();
    redis.control.away = true;
    expect(await claims.claim(KEY, 'running', 1000)).toEqual({ claimed: true });
    redis.control.away = false;
    await claims.put(KEY, 'done', 1000);
    expect(await claims.claim(KEY, 'other', 1000)).toEqual({ claimed: false, value: 'done' });
    expect(seen.crossed).toBe(1);
    // From then on Redis has it.
    expect(await claims.claim(KEY, 'other', 1000)).toEqual({ claimed: false, value: 'done' });
    expect(seen.crossed).toBe(1);
  });

  test('the end of what Redis granted before it went away is kept in Postgres', async () => {
    const { redis, claims } = setUp();
    await claims.claim(KEY, 'running', 1000);
    redis.control.away = true;
    await claims.put(KEY, 'done', 1000);
    expect(await claims.claim(KEY, 'other', 1000)).toEqual({ claimed: false, value: 'done' });
  });

  test('a put that neither takes is an error', async () => {
    const { redis, postgres, claims } = setUp();
    redis.control.away = true;
    postgres.control.away = true;
    await expect(claims.put(KEY, 'done', 1000)).rejects.toThrow('away');
  });

  test('however often it goes and comes, a key that Postgres granted first is granted once, any other twice at most', async () => {
    const move = fc.constantFrom('claim', 'claim', 'put', 'away', 'back');
    await fc.assert(
      fc.asyncProperty(fc.array(move, { maxLength: 30 }), async (moves) => {
        const { grantedBy, crossed } = await play(moves);
        // A put without a claim before it is as good as one: the key is taken.
        expect(['', 'postgres', 'redis', 'redis,postgres']).toContain(grantedBy.join());
        expect(crossed).toBeLessThanOrEqual(1);
      }),
      { numRuns: 500 },
    );
  });
});
