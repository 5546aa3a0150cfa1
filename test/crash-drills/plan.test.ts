import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leftOf } from '../support/attempts.ts';
import { chosenOf, DRILLS, keyOf, type Point, plannedKinds, planPoints } from './plan.ts';
import { rowFor } from './row-fixture.ts';

const kinds = await plannedKinds();

describe('the points of the matrix', () => {
  it('are every step of every drill, as the planners make them', () => {
    expect(Object.values(kinds).map(({ length }) => length)).toEqual([8, 2, 2, 2]);
    const points = planPoints(1, kinds, ['run']);
    expect(points).toHaveLength(14);
    for (const drill of DRILLS) {
      const own = points.filter((point) => point.drill === drill);
      expect(own.map(({ kind }) => kind)).toEqual(kinds[drill]);
      expect(own.map(({ step }) => step)).toEqual(kinds[drill].map((_, at) => at + 1));
    }
  });

  it('are the same for a seed, each once, and a second column comes after the first', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const points = planPoints(seed, kinds, ['run', 'both']);
        expect(planPoints(seed, kinds, ['run', 'both'])).toEqual(points);
        expect(new Set(points.map(keyOf)).size).toBe(28);
        expect(points.map(({ number }) => number)).toEqual(points.map((_, at) => at + 1));
        expect(points.findLastIndex(({ column }) => column === 'run')).toBe(13);
        expect(points.slice(0, 14)).toEqual(planPoints(seed, kinds, ['run']));
      }),
    );
  });

  it('never strike Redis twice without another store between', () => {
    const drills = planPoints(1, kinds, ['run', 'both']).map(({ drill }) => drill);
    const at = drills.flatMap((drill, index) => (drill === 'redis-shard-loss' ? [index] : []));
    expect(at).toHaveLength(4);
    for (const [index, one] of at.slice(1).entries()) expect(one - (at[index] ?? 0)).toBeGreaterThan(1);
  });

  it('can be chosen by drill and by step', () => {
    const points = planPoints(1, kinds, ['run']);
    expect(chosenOf(points, [])).toEqual(points);
    const chosen = chosenOf(points, ['projector-loss', 'postgres-primary-loss:3']);
    expect(chosen.map(({ drill, step }) => `${drill} ${step}`)).toEqual([
      'projector-loss 1',
      'postgres-primary-loss 3',
      'projector-loss 2',
    ]);
  });

  it('are gone on with where they have not passed; those of another seed count for nothing', () => {
    const points = planPoints(1, kinds, ['run']);
    const [one, two] = points as [Point, Point];
    const rows = [
      rowFor(one),
      rowFor(two, { open: ['too late'] }),
      ...planPoints(2, kinds, ['run']).map((each) => rowFor(each)),
    ];
    expect(leftOf(points, rows, keyOf)).toEqual(points.slice(1));
  });
});
