import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { COMMANDS, momentOf, planPoints, SIGNALS } from './plan.ts';

const seeds = fc.integer({ min: 0, max: 2 ** 31 });

describe('the points of a seed', () => {
  test('are at least 40, and hold every signal of every command', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const points = planPoints(seed);
        expect(points.length).toBeGreaterThanOrEqual(40);
        for (const command of COMMANDS)
          for (const signal of SIGNALS)
            expect(points.some((point) => point.command === command && point.signal === signal)).toBe(true);
        expect(points.filter(({ command }) => command === 'drill run').length).toBeGreaterThanOrEqual(8);
        expect(points.filter(({ command }) => command === 'demo').length).toBeGreaterThanOrEqual(6);
        expect(points.map(({ number }) => number)).toEqual(points.map((_, at) => at + 1));
      }),
    );
  });

  test('are the same each time, and others for another seed', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        expect(planPoints(seed)).toEqual(planPoints(seed));
      }),
    );
    expect(planPoints(1)).not.toEqual(planPoints(2));
  });

  test('say their moment in words', () => {
    const point = { number: 1, command: 'demo', signal: 'SIGINT', jitterMs: 20, twice: true } as const;
    expect(momentOf({ ...point, cue: { kind: 'step', count: 3 } })).toBe('20 ms after its command 3, twice');
  });
});
