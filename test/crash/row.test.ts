import { expect, test } from 'vitest';
import { endOf, lastOf, leftOf, nextOf, rowsOf } from '../support/attempts.ts';
import type { Point } from './plan.ts';
import { planPoints } from './plan.ts';
import { keyOf } from './row.ts';
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
  expect(leftOf(planned, rows, keyOf)).toEqual([two, three]);
  expect(rowsOf(planned, rows, keyOf)).toEqual(rows.slice(0, 3));
});

test('of several attempts at a point the last one counts', () => {
  const rows = [rowFor(two), rowFor(one, { wrong: ['x'] }), rowFor(one)];
  expect(lastOf(rows).map(({ point, wrong }) => [point.number, wrong])).toEqual([
    [1, []],
    [2, []],
  ]);
});

test('an inconclusive point is tried again in the same run, a failed one is not', () => {
  const rows = [rowFor(one, { wrong: ['x'] }), rowFor(two, { open: ['y'] })];
  const tried = (times: number) => new Map([1, 2].map((number) => [number, times]));
  expect(nextOf(planned, rows, new Map())).toEqual(planned);
  expect(nextOf(planned, rows, tried(1))).toEqual([two, three]);
  expect(nextOf(planned, rows, tried(3))).toEqual([three]);
});
