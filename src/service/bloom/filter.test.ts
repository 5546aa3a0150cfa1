import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { reservationIdOf, snowflakeOf } from '../../contract/ids.ts';
import { createSnowflake, SNOWFLAKE_EPOCH_MS } from '../domain/snowflake.ts';
import {
  certainlyAbsent,
  completeThrough,
  type Generation,
  mayCount,
  placeOf,
  type Shape,
  shapeFor,
} from './filter.ts';

/** The filter in memory. */
class Filter {
  readonly #shape: Shape;
  readonly #set = new Set<string>();

  constructor(shape: Shape) {
    this.#shape = shape;
  }

  #bits(id: string): string[] {
    const place = placeOf(id, this.#shape);
    return place.bits.map((bit) => `${place.shard}/${bit}`);
  }

  add(id: string): void {
    for (const bit of this.#bits(id)) this.#set.add(bit);
  }

  maybe(id: string): boolean {
    return this.#bits(id).every((bit) => this.#set.has(bit));
  }
}

describe('the filter', () => {
  test('never says no to an id that was added, whatever its size', () => {
    const shapes = fc.record({
      generation: fc.string({ minLength: 1 }),
      shards: fc.integer({ min: 1, max: 20 }),
      bits: fc.integer({ min: 64, max: 5000 }),
      hashes: fc.integer({ min: 1, max: 12 }),
    });
    fc.assert(
      fc.property(shapes, fc.array(fc.string(), { maxLength: 100 }), (shape, ids) => {
        const filter = new Filter(shape);
        for (const id of ids) filter.add(id);
        for (const id of ids) expect(filter.maybe(id)).toBe(true);
        for (const id of ids) {
          const place = placeOf(id, shape);
          expect(place.shard).toBeLessThan(shape.shards);
          expect(place.bits).toHaveLength(shape.hashes);
          for (const bit of place.bits) expect(bit).toBeLessThan(shape.bits);
        }
      }),
    );
  });

  test.each([0.01, 0.001])(
    'says maybe to a share of unknown ids near %f, as many ids as it is for',
    (share) => {
      const ids = 16_000;
      const filter = new Filter(shapeFor('g', ids, share));
      const next = createSnowflake({ worker: 1, nowMs: () => SNOWFLAKE_EPOCH_MS + 1000, maxAheadMs: 1e9 });
      for (let i = 0; i < ids; i += 1) filter.add(reservationIdOf(next(), `acme/room-${i % 50}`));
      let maybe = 0;
      for (let i = 0; i < ids; i += 1) if (filter.maybe(reservationIdOf(next(), 'acme/room'))) maybe += 1;
      expect(maybe / ids).toBeLessThan(share * 1.6);
      expect(maybe / ids).toBeGreaterThan(share * 0.2);
    },
  );

  test('takes about 10 bits an id at 1 %', () => {
    const shape = shapeFor('g', 10_000_000);
    expect(shape.hashes).toBe(7);
    expect((shape.bits * shape.shards) / 10_000_000).toBeLessThan(10.4);
    expect(shapeFor('g', 0).bits).toBe(8192);
  });
});

const idAt = (ms: number): string => reservationIdOf(BigInt(ms - SNOWFLAKE_EPOCH_MS) << 22n, 'acme/room');
const AT = SNOWFLAKE_EPOCH_MS + 1_000_000;
const generation: Generation = {
  v: 1,
  generation: 'g',
  shards: 2,
  bits: 64,
  hashes: 3,
  builtAtMs: AT,
  completeThroughMs: AT,
  runIds: ['a', 'b'],
};

describe('a no counts', () => {
  const no = { all: false, sealed: true, runId: 'b' } as const;

  test('of a sealed shard on the primary that took its bits, for an id older than complete', () => {
    expect(certainlyAbsent(idAt(AT - 1), generation, 1, no)).toBe(true);
  });

  test.each([
    ['when all bits are set', AT - 1, { all: true } as const],
    ['when the shard is not sealed: lost, evicted or never finished', AT - 1, { ...no, sealed: false }],
    ['when another server answers than the one that took the bits', AT - 1, { ...no, runId: 'a' }],
    ['for an id of the very time or later', AT, no],
    ['for an id of the far future', AT + 1e9, no],
  ])('never %s', (_, ms, look) => {
    expect(certainlyAbsent(idAt(ms), generation, 1, look)).toBe(false);
  });

  test.each(['', 'res-1', 'zzzzzzzzzzzzz-00000000', '0000000000000', '0000000000000-0000000g'])(
    'never for %j, which is no id of ours',
    (id) => {
      expect(mayCount(id, generation)).toBe(false);
    },
  );

  test('of an id that is older than complete only: the Snowflake comes back as it was put in', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), fc.string(), (snowflake, key) => {
        expect(snowflakeOf(reservationIdOf(snowflake, key))).toBe(snowflake);
      }),
    );
  });
});

test('a projection is complete for ids that can neither be on their way nor come again under an old key', () => {
  const builtAtMs = 1e12;
  const upTo = (max: number) => fc.oneof(fc.constant(max), fc.nat({ max }));
  const skew = fc.oneof(fc.constantFrom(-30_000, 30_000), fc.integer({ min: -30_000, max: 30_000 }));
  fc.assert(
    fc.property(
      fc.constantFrom(1000, 86_400_000),
      fc.constantFrom(1000, 300_000),
      fc.func(upTo(1_000_000)),
      upTo(5000),
      skew,
      skew,
      (idempotencyTtlMs, commandWindowMs, share, olderMs, gatewaySkewMs, idSkewMs) => {
        // The youngest id that counts was sent again as long as Redis kept it, and once more by the sweeper at its last moment.
        const through = completeThrough(builtAtMs, { idempotencyTtlMs, commandWindowMs });
        const madeMs = through - 1 - olderMs - idSkewMs;
        const reusedAfterMs = (share('reused') / 1_000_000) * idempotencyTtlMs;
        const underWayMs = (share('under way') / 1_000_000) * 2 * commandWindowMs;
        expect(madeMs + reusedAfterMs + underWayMs + gatewaySkewMs).toBeLessThan(builtAtMs);
      },
    ),
    { numRuns: 1000 },
  );
});
