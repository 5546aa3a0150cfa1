import { expect, test } from 'vitest';
import { pageOf } from './page.ts';
import { planPoints } from './plan.ts';

test('the page counts what passed, by kind, and says of a point that failed what was wrong', () => {
  const [one, two] = planPoints(1);
  if (one === undefined || two === undefined) throw new Error('too few points');
  const rows = [
    { point: one, unit: 'kafka-1', acknowledged: 400, lost: 0, unknown: 2, backMs: 5400, wrong: [] },
    {
      point: two,
      unit: 'redis-2',
      acknowledged: 300,
      lost: 1,
      unknown: 0,
      backMs: 1000,
      wrong: ['1 | lost'],
    },
  ];
  const startedAt = '2026-01-01T00:00:00Z';
  const page = pageOf({ seed: 1, startedAt, ratePerS: 60, rows, planned: 52, operations: 702 }, { cpu: 'x' });
  expect(page).toContain(
    '**1 of 2 points passed** (52 planned, seed 1): 700 acknowledged, 1 lost, 2 unknown',
  );
  expect(page).toContain(`| ${one.victim} ${one.act} | 1 | 1 | 0 | 5.4 s |`);
  expect(page).toMatch(/\| 2 \| redis-2 \|.*\*\*FAILED\*\* 1 \/ lost \|/);
});
