import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BeyondReserve, ClockBehind, createSnowflake, SNOWFLAKE_EPOCH_MS, snowflakeMs } from './snowflake.ts';

const base = SNOWFLAKE_EPOCH_MS + 1_000_000;

test('ids rise and never repeat, however the clock jumps', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ stepMs: fc.integer({ min: -3000, max: 3000 }), ids: fc.nat({ max: 50 }) })),
      (steps) => {
        let now = base;
        let last = -1n;
        const next = createSnowflake({ worker: 7, nowMs: () => now });
        for (const { stepMs, ids } of steps) {
          now += stepMs;
          for (let i = 0; i < ids; i += 1) {
            let id: bigint;
            try {
              id = next();
            } catch (error) {
              expect(error).toBeInstanceOf(ClockBehind);
              break;
            }
            expect(id).toBeGreaterThan(last);
            last = id;
          }
        }
      },
    ),
  );
});

test('more than 4096 ids in one millisecond count on into the next', () => {
  const next = createSnowflake({ worker: 0, nowMs: () => base });
  const ids = new Set(Array.from({ length: 10_000 }, () => next()));
  expect(ids.size).toBe(10_000);
});

test('a clock that is too far behind stops the issuing until it has caught up', () => {
  let now = base;
  const next = createSnowflake({ worker: 0, nowMs: () => now, maxAheadMs: 1000 });
  const first = next();
  now -= 1001;
  expect(() => next()).toThrow(ClockBehind);
  now += 1;
  expect(next()).toBeGreaterThan(first);
});

test('two workers never share an id', () => {
  const left = createSnowflake({ worker: 1, nowMs: () => base });
  const right = createSnowflake({ worker: 2, nowMs: () => base });
  const ids = Array.from({ length: 5000 }, () => [left(), right()]).flat();
  expect(new Set(ids).size).toBe(10_000);
});

test('an id has 41 bits of time, 10 of worker and 12 of sequence', () => {
  const id = createSnowflake({ worker: 1023, nowMs: () => base })();
  expect(id >> 22n).toBe(1_000_000n);
  expect((id >> 12n) & 1023n).toBe(1023n);
  expect(id & 4095n).toBe(0n);
});

test('ids begin after what somebody else may have given and end with what is reserved', () => {
  let now = base;
  const next = createSnowflake({
    worker: 3,
    nowMs: () => now,
    afterMs: base + 10,
    throughMs: () => base + 20,
  });
  expect(snowflakeMs(next())).toBe(base + 11);
  now = base + 20;
  expect(snowflakeMs(next())).toBe(base + 20);
  now = base + 21;
  expect(() => next()).toThrow(BeyondReserve);
});
