import { expect, test } from 'vitest';
import { pageOf } from './page.ts';
import { type Point, planPoints } from './plan.ts';
import { rowFor } from './row-fixture.ts';

const [one, two] = planPoints(1) as [Point, Point];
const matrix = { seed: 1, ratePerS: 60, planned: 56 };

test('the page counts the last attempt at each point, by kind, and tells of every one that did not pass', () => {
  const rows = [
    rowFor(one, { unit: 'gateway-9', open: ['the API was not read'], version: 'old' }),
    rowFor(one, { note: 'x took over', kept: 3 }),
    rowFor(two, { unit: 'redis-2', acknowledged: 300, unknown: 0, lost: 1, wrong: ['1 lost'] }),
  ];
  const page = pageOf({ ...matrix, rows }, { cpu: 'x' });
  expect(page).toContain('**1 of 56 planned points passed** (seed 1; 2 were tried, in 3 attempts)');
  expect(page).toContain('700 acknowledged, 1 lost, 0 duplicates, 0 oversold, 0 gaps');
  expect(page).toContain(`| ${one.victim} ${one.act} | 1 | 1 | 400 | 0 | 0 | 0 | 0 | equal | 5.4 s |`);
  expect(page).toContain(`| ${two.victim} ${two.act} | 1 | 0 | 300 | 1 | 0 | 0 | 0 | not told | 5.4 s |`);
  expect(page).toContain('2 unknown; 3 kept for the sweeper.');
  expect(page).toContain('| 400 | 2 | 3 | 5.4 s | x took over |');
  // An attempt of before this was counted.
  expect(page).toContain('| 300 | 0 | – | 5.4 s |');
  expect(page).toMatch(/\| 2 \| redis-2 \|.*\*\*failed\*\* \|/);
  expect(page).toMatch(/gateway-9.*tree old: \*\*inconclusive\*\*: the API was not read/);
  expect(page).toMatch(/redis-2.*\*\*failed\*\*: 1 lost/);
});

test('a page without an attempt claims nothing', () => {
  const page = pageOf({ ...matrix, rows: [] }, { cpu: 'x' });
  expect(page).toContain('**0 of 56 planned points passed** (seed 1; 0 were tried, in 0 attempts)');
});
