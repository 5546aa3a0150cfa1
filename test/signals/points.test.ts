import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COMMANDS, planPoints, SIGNALS, shellCodeOf } from './points.ts';

const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });

describe('the points of a seed', () => {
  it('are at least 40, and every command meets every signal', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const points = planPoints(seed);
        expect(points.length).toBeGreaterThanOrEqual(40);
        const pairs = new Set(points.map(({ command, signal }) => `${command} ${signal}`));
        expect(pairs.size).toBe(COMMANDS.length * SIGNALS.length);
      }),
    );
  });

  it('are the same for the same seed, and numbered from 1 without a gap', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const points = planPoints(seed);
        expect(planPoints(seed)).toEqual(points);
        expect(points.map(({ number }) => number)).toEqual(points.map((_, at) => at + 1));
      }),
    );
  });

  it('strike a drill at least 8 times and the demo at least 6 times', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const of = (command: string): number => planPoints(seed).filter((p) => p.command === command).length;
        expect(of('drill run')).toBeGreaterThanOrEqual(8);
        expect(of('demo')).toBeGreaterThanOrEqual(6);
      }),
    );
  });

  it('never repeat a SIGKILL, and leave the demo time to tell two wishes from one', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        for (const { command, signal, againAfterMs } of planPoints(seed)) {
          if (signal === 'SIGKILL') expect(againAfterMs).toBeUndefined();
          if (command === 'demo' && againAfterMs !== undefined) expect(againAfterMs).toBeGreaterThan(1_000);
        }
      }),
    );
  });

  it('differ between seeds, and some come twice', () => {
    expect(planPoints(1)).not.toEqual(planPoints(2));
    expect(planPoints(1).some(({ againAfterMs }) => againAfterMs !== undefined)).toBe(true);
  });
});

it('a shell sees 128 and the number of the signal', () => {
  expect(SIGNALS.map(shellCodeOf)).toEqual([130, 143, 129, 137]);
});
