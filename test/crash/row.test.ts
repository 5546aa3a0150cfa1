import { expect, test } from 'vitest';
import type { Point } from './plan.ts';
import { planPoints } from './plan.ts';
import { endOf, lastOf, leftOf, rowsOf } from './row.ts';
import { rowFor } from './row-fixture.ts';

const planned = planPoints(1).slice(0, 3);
const [one, two, three] = planned as [Point, Point, Point];

test('only an attempt with nothing wrong and nothing open is passed', () => {
  expect(endOf({ wrong: [], open: [] })).toBe('passed');
  expect(endOf({ wrong: [], open: ['the API was not read'] })).toBe('inconclusive');
  expect(endOf({ wrong: ['1 lost'], open: ['the API was not read'] })).toBe('failed');
});

test('what is left are the points without a passed attempt; rows of another plan count for nothing', () => {
  const other = rowFor({ ...two, seed: two.seed + 1 });
  const rows = [rowFor(one, { wrong: ['x'] }), rowFor(one), rowFor(three, { open: ['y'] }), other];
  expect(leftOf(planned, rows)).toEqual([two, three]);
  expect(rowsOf(planned, rows)).toEqual(rows.slice(0, 3));
});

test('of several attempts at a point the last one counts', () => {
  const rows = [rowFor(two), rowFor(one, { wrong: ['x'] }), rowFor(one)];
  expect(lastOf(rows).map(({ point, wrong }) => [point.number, wrong])).toEqual([
    [1, []],
    [2, []],
  ]);
});
