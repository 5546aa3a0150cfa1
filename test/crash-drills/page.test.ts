import { expect, test } from 'vitest';
import { estimateOf, pageOf } from './page.ts';
import { type Point, plannedKinds, planPoints } from './plan.ts';
import { rowFor } from './row-fixture.ts';

const planned = planPoints(1, await plannedKinds(), ['run']);
const [one, two] = planned as [Point, Point];
const matrix = { seed: 1, ratePerS: 50, baselineS: 5, planned };

test('the page counts the last attempt at each point and tells of every one that did not pass', () => {
  const rows = [
    rowFor(one, { open: ['too late'], version: 'old' }),
    rowFor(one, { by: 'watchdog' }),
    rowFor(two, { lost: 1, wrong: ['1 lost'] }),
  ];
  const page = pageOf({ ...matrix, rows }, { cpu: 'x' });
  expect(page).toContain(
    '**1 of 14 planned points passed** (2 were tried, in 3 attempts): 800 acknowledged, 1 lost',
  );
  expect(page).toContain(
    `| 1 | ${one.drill} | 1 | \`${one.kind}\` | run | \`step.intent\` | 2 | watchdog | 9.0 s | 60.0 s | 400 | 0 | 3 |  |`,
  );
  expect(page).toMatch(/\| 2 \|.*\| \*\*failed\*\* \|/);
  expect(page).toMatch(/- point 1, .*tree old: \*\*inconclusive\*\*: too late/);
  expect(page).toMatch(/- point 2, .*\*\*failed\*\*: 1 lost/);
});

test('a page without an attempt claims nothing', () => {
  const page = pageOf({ ...matrix, rows: [] }, {});
  expect(page).toContain('**0 of 14 planned points passed** (0 were tried, in 0 attempts): 0 acknowledged');
});

test('the time that is left is told by the points of the same drill, then by all, then by a guess', () => {
  expect(estimateOf([one, two], [])).toBe(150);
  const rows = [rowFor(one, { tookMs: 100_000 }), rowFor(two, { tookMs: 50_000 })];
  expect(estimateOf([one], rows)).toBe(one.drill === two.drill ? 75 : 100);
  const other = planned.find(({ drill }) => drill !== one.drill && drill !== two.drill);
  expect(estimateOf(other === undefined ? [] : [other], rows)).toBe(75);
});
