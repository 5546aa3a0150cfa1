import fc from 'fast-check';
import { expect, test } from 'vitest';
import { meter, paceOf, takenOf } from './gcra.ts';

const policies = fc.record({
  quota: fc.integer({ min: 1, max: 50 }),
  windowMs: fc.integer({ min: 1, max: 60 }).map((seconds) => seconds * 1000),
});
const gaps = fc.array(fc.oneof(fc.nat({ max: 100 }), fc.nat({ max: 30_000_000 })), {
  minLength: 1,
  maxLength: 200,
  size: 'max',
});

/** A bucket that holds `quota` units and gets one back every emission, kept as whole units and a time of the next. */
class NaiveBucket {
  units: number;
  /** When each unit that was taken comes back, one after the other. */
  readonly back: number[] = [];

  constructor(quota: number) {
    this.units = quota;
  }

  take(nowUs: number, emissionUs: number): boolean {
    while (this.back[0] !== undefined && this.back[0] <= nowUs) {
      this.back.shift();
      this.units += 1;
    }
    if (this.units === 0) return false;
    this.units -= 1;
    this.back.push(Math.max(nowUs, this.back.at(-1) ?? nowUs) + emissionUs);
    return true;
  }
}

test('allows exactly what a bucket of tokens allows, and tells its remaining units and when one more comes', () => {
  let denied = 0;
  fc.assert(
    fc.property(policies, gaps, (policy, steps) => {
      const pace = paceOf(policy);
      const bucket = new NaiveBucket(policy.quota);
      let meterUs: number | undefined;
      let nowUs = 1_800_000_000_000_000;
      for (const step of steps) {
        nowUs += step;
        const expected = bucket.take(nowUs, pace.emissionUs);
        const end = meter(meterUs, nowUs, pace);
        meterUs = end.meterUs;
        const taken = takenOf(end, nowUs, pace);
        expect(taken.allowed).toBe(expected);
        expect(taken.remaining).toBe(bucket.units);
        expect(taken.nextMs).toBeCloseTo(((bucket.back[0] ?? nowUs) - nowUs) / 1000, 2);
        if (!expected) denied += 1;
      }
    }),
    { numRuns: 150 },
  );
  // Not vacuous: a policy is drawn at random, and most of them are met by some hundreds of refusals.
  expect(denied).toBeGreaterThan(100);
});

test('never allows more than the quota at once and its rate afterwards, in any span of time', () => {
  fc.assert(
    fc.property(policies, gaps, (policy, steps) => {
      const pace = paceOf(policy);
      const allowedAt: number[] = [];
      let meterUs: number | undefined;
      let nowUs = 0;
      for (const step of steps) {
        nowUs += step;
        const end = meter(meterUs, nowUs, pace);
        meterUs = end.meterUs;
        if (end.allowed) allowedAt.push(nowUs);
      }
      for (const [at, from] of allowedAt.entries()) {
        const last = allowedAt[allowedAt.length - 1] ?? from;
        const most = policy.quota + Math.floor((last - from) / pace.emissionUs);
        expect(allowedAt.length - at).toBeLessThanOrEqual(most);
      }
    }),
  );
});

test('a clock that went back costs at most one whole quota, not the length of its step', () => {
  const pace = paceOf({ quota: 10, windowMs: 1000 });
  const hourUs = 3_600_000_000;
  const denied = meter(hourUs, 0, pace);
  expect(denied).toEqual({ allowed: false, meterUs: pace.burstUs });
  expect(meter(denied.meterUs, pace.emissionUs, pace).allowed).toBe(true);
});
