import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ACTS, AFTERWARDS_MS, loadSecondsOf, PER_KIND, planPoints, VICTIMS } from './plan.ts';

test('the matrix has at least fifty points, at least four of each kind, and the same ones for a seed', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 100_000 }), (seed) => {
      const points = planPoints(seed);
      expect(points.length).toBeGreaterThanOrEqual(50);
      const kinds = Map.groupBy(points, ({ victim, act }) => `${victim} ${act}`);
      expect(kinds.size).toBe(ACTS.length * VICTIMS.length);
      for (const [, of] of kinds) expect(of).toHaveLength(PER_KIND);
      expect(planPoints(seed)).toEqual(points);
      expect(points.map(({ number }) => number)).toEqual(points.map((_, at) => at + 1));
      for (const point of points)
        expect(loadSecondsOf(point) * 1000).toBeGreaterThanOrEqual(
          point.afterMs + point.awayMs + AFTERWARDS_MS,
        );
    }),
  );
});
