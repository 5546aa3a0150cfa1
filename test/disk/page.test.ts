import { expect, test } from 'vitest';
import { pageOf } from './page.ts';

test('the page counts what passed and shows what was seen of each server, also of one that failed', () => {
  const page = pageOf(
    [
      { server: 'a replica', passed: true, seen: ['it ended', 'it caught up'] },
      { server: 'a broker', passed: false, seen: ['it ended'] },
    ],
    { startedAt: new Date(0), tookMs: 90_000, machine: { cpu: '2 × x' } },
  );
  expect(page).toContain('**1 of 2 passed.** Run at 1970-01-01T00:00:00.000Z, 1.5 minutes.');
  expect(page).toContain('| cpu | 2 × x |');
  expect(page).toContain('## a replica: passed\n\n- it ended\n- it caught up\n');
  expect(page).toContain('## a broker: FAILED\n\n- it ended\n');
});
