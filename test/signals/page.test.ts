import { expect, test } from 'vitest';
import { pageOf } from './page.ts';
import { planPoints } from './plan.ts';

test('the page counts what passed, and a point that failed or came too late is seen', () => {
  const [one, two, three] = planPoints(1);
  if (one === undefined || two === undefined || three === undefined) throw new Error('too few points');
  const rows = [
    { point: one, passed: true, tookMs: 1200, tooLate: false, found: 'nothing left' },
    { point: two, passed: false, tookMs: 0, tooLate: false, found: '' },
    { point: three, passed: true, tookMs: 5, tooLate: true, found: 'nothing left' },
  ];
  const page = pageOf({ seed: 1, startedAt: new Date(0), rows, wantedPoints: 46 }, { cpu: '2 × x' }, 120_000);
  expect(page).toContain('**2 of 3 points passed** (seed 1, 46 points in the plan). 1 came after');
  expect(page).toMatch(/\| 1 \| sandbox up \| SIGINT \| .* \| 1\.2 s \| nothing left \| passed \|/);
  expect(page).toMatch(/\| 2 \|.*\| FAILED \|/);
  expect(page).toContain('over before the signal; nothing left');
});
