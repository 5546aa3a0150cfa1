import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomFrom } from '../../src/load/workload.ts';
import { leastSquares, median, type Point, quantile, theilSen } from './slope.ts';

const EVERY_MIN = 5 / 60;
const series = (minutes: number, value: (atMin: number, index: number) => number): Point[] =>
  Array.from({ length: Math.round(minutes / EVERY_MIN) }, (_, index) => ({
    atMin: index * EVERY_MIN,
    value: value(index * EVERY_MIN, index),
  }));

describe('the slope of a series', () => {
  it('is that of the line the points lie on, by both estimators', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -50, max: 50 }),
        fc.integer({ min: 0, max: 500 }),
        fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { minLength: 2, maxLength: 30 }),
        (slope, start, times) => {
          const points = times.map((atMin) => ({ atMin, value: start + slope * atMin }));
          expect(theilSen(points)).toBeCloseTo(slope, 9);
          expect(leastSquares(points)).toBeCloseTo(slope, 9);
        },
      ),
    );
  });

  it('scales with the values and does not care where they begin', () => {
    const value = fc.integer({ min: -1_000, max: 1_000 });
    fc.assert(
      fc.property(fc.array(value, { minLength: 2, maxLength: 40 }), value, (values, shift) => {
        const points = values.map((each, atMin) => ({ atMin, value: each }));
        const moved = points.map((point) => ({ atMin: point.atMin + 7, value: 3 * point.value + shift }));
        const slope = theilSen(points) ?? Number.NaN;
        expect(theilSen(moved)).toBeCloseTo(3 * slope, 6);
      }),
    );
  });

  it('finds a leak of 1.5 under saw teeth of 20 and noise, and no leak where there is none', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const random = randomFrom(seed);
      const teeth = (atMin: number): number => (20 * ((atMin + random() * 0.1) % 1.7)) / 1.7;
      const leaking = series(20, (atMin) => 120 + 1.5 * atMin + teeth(atMin) + 4 * random());
      const steady = series(20, (atMin) => 120 + teeth(atMin) + 4 * random());
      expect(theilSen(leaking)).toBeGreaterThan(1.2);
      expect(Math.abs(theilSen(steady) ?? Number.NaN)).toBeLessThan(0.3);
    }
  });

  it('is not moved by spikes in a fifth of the points, which least squares follows', () => {
    const spiky = series(20, (_, index) => (index > 190 && index % 2 === 0 ? 900 : 100));
    expect(theilSen(spiky)).toBe(0);
    expect(leastSquares(spiky)).toBeGreaterThan(5);
  });

  it('has no value where no time passed', () => {
    for (const points of [[], [{ atMin: 1, value: 5 }], Array(3).fill({ atMin: 1, value: 5 })]) {
      expect(theilSen(points)).toBeUndefined();
      expect(leastSquares(points)).toBeUndefined();
    }
  });
});

describe('a quantile', () => {
  it('is one of the values, with as many below as it says', () => {
    const values = fc.array(fc.integer(), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (all, share) => {
        const found = quantile(all, share);
        expect(all).toContain(found);
        const below = all.filter((each) => each < (found ?? 0)).length;
        const upTo = all.filter((each) => each <= (found ?? 0)).length;
        const rank = Math.floor((all.length - 1) * share);
        expect(below).toBeLessThanOrEqual(rank);
        expect(upTo).toBeGreaterThan(rank);
      }),
    );
    expect(median([3, 1, 2])).toBe(2);
    expect(median([])).toBeUndefined();
  });
});
