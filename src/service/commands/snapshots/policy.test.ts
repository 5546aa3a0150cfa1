import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SNAPSHOT_QUIET_FACTOR } from '../../../contract/retention.ts';
import { type Covered, overdue } from './policy.ts';

const SETTINGS = { everyMs: 60_000, everyDecisions: 1000 };
const START: Covered = { decisions: 0, nextCommandOffset: 10n, logTimeMs: 1_000_000 };

const later = (decisions: number, ms: number, commands = decisions + 1): Covered => ({
  decisions,
  nextCommandOffset: 10n + BigInt(commands),
  logTimeMs: START.logTimeMs + ms,
});

describe('when a partition gets a snapshot', () => {
  test('after its time when it decided, ten times later when it only ticked, sooner after many decisions', () => {
    expect(overdue(START, later(1, 59_999), SETTINGS)).toBeLessThan(1);
    expect(overdue(START, later(1, 60_000), SETTINGS)).toBe(1);
    expect(overdue(START, later(0, 599_999), SETTINGS)).toBeLessThan(1);
    expect(overdue(START, later(0, 600_000), SETTINGS)).toBe(1);
    expect(overdue(START, later(999, 1), SETTINGS)).toBeLessThan(1);
    expect(overdue(START, later(1000, 1), SETTINGS)).toBe(1);
  });

  test('never when no command was taken since the last one: it would say the same', () => {
    expect(overdue(START, { ...START, logTimeMs: START.logTimeMs + 10 ** 9 }, SETTINGS)).toBe(0);
  });

  test('so often that no snapshot of a partition with ticks gets older than the age the topics are kept for', () => {
    const steps = fc.array(
      fc.record({ ms: fc.integer({ min: 0, max: 5000 }), decisions: fc.nat({ max: 3 }) }),
      {
        maxLength: 2000,
      },
    );
    fc.assert(
      fc.property(steps, (walk) => {
        let [last, now] = [START, START];
        for (const { ms, decisions } of walk) {
          now = {
            decisions: now.decisions + decisions,
            nextCommandOffset: now.nextCommandOffset + BigInt(decisions + 1),
            logTimeMs: now.logTimeMs + ms,
          };
          if (overdue(last, now, SETTINGS) >= 1) last = now;
          expect(now.logTimeMs - last.logTimeMs).toBeLessThan(SETTINGS.everyMs * SNAPSHOT_QUIET_FACTOR);
        }
      }),
      { numRuns: 50 },
    );
  });
});
