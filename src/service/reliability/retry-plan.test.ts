import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SWEEP_RULES, plan as sweeperPlan } from '../sweeper/plan.ts';
import { type Candidate, judgeRetry, planRetry } from './retry-plan.ts';

const NOW_MS = 1_000_000;
const CANDIDATE: Candidate = {
  tenant: 'acme',
  operationId: 'a'.repeat(32),
  entry: 1n,
  standing: 'waiting',
  inLog: false,
  isDue: false,
  attempts: 3,
  notAfterMs: NOW_MS + 60_000,
  givenUpFor: null,
};
const judge = (over: Partial<Candidate>) => judgeRetry({ ...CANDIDATE, ...over }, NOW_MS);

describe('a retry', () => {
  test('sends again what waits for its next try, and what was given up while its time is not over', () => {
    expect(judge({})).toEqual({ kind: 'retry', does: 'sendAgain' });
    expect(judge({ standing: 'givenUp', attempts: 10, givenUpFor: 'unknown-not-appended' })).toEqual({
      kind: 'retry',
      does: 'sendAgain',
    });
  });

  test('only looks for the decision of what stands in the log, however late', () => {
    expect(judge({ inLog: true, notAfterMs: 0 })).toEqual({ kind: 'retry', does: 'look' });
  });

  test('is refused past notAfter, with the reason', () => {
    for (const standing of ['waiting', 'givenUp'] as const)
      expect(judge({ standing, notAfterMs: NOW_MS + 5999 })).toEqual({
        kind: 'refuse',
        reason: expect.stringContaining('its time is over'),
      });
    expect(judge({ notAfterMs: NOW_MS + 6000 })).toMatchObject({ kind: 'retry' });
  });

  test('is refused for what is decided, due already, or of a topic that was made anew', () => {
    const reasons = [
      judge({ standing: 'decided' }),
      judge({ isDue: true }),
      judge({ standing: 'givenUp', givenUpFor: 'unknown-topic-replaced' }),
    ].map((each) => (each.kind === 'refuse' ? each.reason : ''));
    expect(reasons).toEqual([
      expect.stringContaining('decided'),
      expect.stringContaining('due already'),
      expect.stringContaining('made anew'),
    ]);
  });

  test('that sends again is one the sweeper would send: it is never given up at once', () => {
    const candidate = fc.record({
      tenant: fc.constant('acme'),
      operationId: fc.constant('a'.repeat(32)),
      entry: fc.constant(1n),
      standing: fc.constantFrom('waiting' as const, 'givenUp' as const, 'decided' as const),
      inLog: fc.boolean(),
      isDue: fc.boolean(),
      attempts: fc.integer({ min: 0, max: 12 }),
      notAfterMs: fc.integer({ min: NOW_MS - 20_000, max: NOW_MS + 300_000 }),
      givenUpFor: fc.constantFrom(null, 'unknown-not-appended', 'unknown-topic-replaced'),
    });
    fc.assert(
      fc.property(candidate, (entry) => {
        const judged = judgeRetry(entry, NOW_MS);
        if (judged.kind === 'refuse' || judged.does === 'look') return;
        // As the retry leaves it: attempts anew, or one less than the most.
        const attempts =
          entry.standing === 'givenUp' ? 0 : Math.min(entry.attempts, SWEEP_RULES.maxAttempts - 1);
        const state = {
          attempts,
          appended: false,
          issuedAtMs: 0,
          notAfterMs: entry.notAfterMs,
          topicId: 't',
        };
        const move = sweeperPlan(state, { decided: false, topicId: 't' }, NOW_MS, SWEEP_RULES);
        expect(move.kind).toBe('produce');
      }),
    );
  });

  test('is of so many at once, and says that there are more', () => {
    const plan = planRetry([CANDIDATE, { ...CANDIDATE, isDue: true }, CANDIDATE], NOW_MS, 2);
    expect([plan.retries.length, plan.refused.length, plan.more]).toEqual([1, 1, true]);
  });
});
