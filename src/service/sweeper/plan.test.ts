import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backoffMs, type EntryState, type Move, plan, SWEEP_RULES as RULES, type Seen } from './plan.ts';

const entry: EntryState = {
  attempts: 0,
  appended: false,
  issuedAtMs: 0,
  notAfterMs: 120_000,
  topicId: 'topic',
};
const seen: Seen = { decided: false, topicId: 'topic' };

describe('what the sweeper does with an entry', () => {
  test.each<[string, Partial<EntryState>, Partial<Seen>, number, Partial<Move>]>([
    ['decided', {}, { decided: true }, 5000, { kind: 'settle' }],
    ['decided long after its time', { attempts: 10 }, { decided: true }, 9e9, { kind: 'settle' }],
    ['due', {}, {}, 5000, { kind: 'produce', deadlineMs: RULES.produceDeadlineMs }],
    ['near its end', {}, {}, 113_000, { kind: 'produce', deadlineMs: 2000 }],
    ['too near its end', {}, {}, 114_500, { kind: 'deadLetter', code: 'unknown-not-appended' }],
    ['tried often enough', { attempts: 10 }, {}, 5000, { kind: 'deadLetter', code: 'unknown-not-appended' }],
    ['while Kafka is away', {}, { topicId: undefined }, 5000, { kind: 'wait' }],
    ['in the log', { appended: true }, {}, 5000, { kind: 'wait' }],
    ['in the log, its time over', { appended: true }, {}, 200_000, { kind: 'wait' }],
    [
      'in the log, never decided',
      { appended: true },
      {},
      420_000,
      { kind: 'deadLetter', code: 'unknown-undecided' },
    ],
    [
      'of a topic that was made again',
      {},
      { topicId: 'new' },
      5000,
      { kind: 'deadLetter', code: 'unknown-topic-replaced' },
    ],
  ])('%s', (_, over, seeing, nowMs, move) => {
    expect(plan({ ...entry, ...over }, { ...seen, ...seeing }, nowMs, RULES)).toMatchObject(move);
  });
});

/** One look of a made-up life: what is seen, how an append ends and how long it takes, how late the next look comes. */
const lookArbitrary = fc.record({
  decided: fc.oneof(
    { weight: 20, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
  topicId: fc.constantFrom('topic', 'topic', 'topic', undefined),
  acknowledged: fc.oneof(
    { weight: 4, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
  tookShare: fc.double({ min: 0, max: 1, noNaN: true }),
  random: fc.double({ min: 0, max: 1, noNaN: true }),
  lateMs: fc.nat(3000),
});

type Look = typeof lookArbitrary extends fc.Arbitrary<infer T> ? T : never;

/** Does what the plan says, and checks that it may be done at that time. */
function live(
  state: EntryState,
  move: Exclude<Move, { kind: 'settle' | 'deadLetter' }>,
  look: Look,
  nowMs: number,
): { took: number; delayMs: number; next: EntryState } {
  if (move.kind === 'wait') return { took: 0, delayMs: move.delayMs, next: state };
  expect(state.appended).toBe(false);
  expect(move.deadlineMs).toBeGreaterThanOrEqual(RULES.leastProduceMs);
  expect(nowMs + move.deadlineMs).toBeLessThanOrEqual(state.notAfterMs - RULES.marginMs);
  const next = { ...state, attempts: state.attempts + 1, appended: look.acknowledged };
  expect(next.attempts).toBeLessThanOrEqual(RULES.maxAttempts);
  const delayMs = look.acknowledged ? RULES.firstBackoffMs : backoffMs(next.attempts, look.random, RULES);
  return { took: Math.round(move.deadlineMs * look.tookShare), delayMs, next };
}

describe('whatever happens', () => {
  test('no append reaches past the margin before notAfter, attempts are bounded, and every entry ends', () => {
    const life = fc.record({
      startMs: fc.nat(150_000),
      windowMs: fc.integer({ min: 1000, max: 300_000 }),
      looks: fc.array(lookArbitrary, { minLength: 1, maxLength: 40 }),
    });
    fc.assert(
      fc.property(life, ({ startMs, windowMs, looks }) => {
        let state: EntryState = { ...entry, notAfterMs: windowMs };
        let nowMs = startMs;
        const lastMs = Math.max(startMs, state.notAfterMs + RULES.patienceMs) + RULES.maxBackoffMs * 2 + 5000;
        for (let step = 0; step < 1000; step += 1) {
          const look = looks[step % looks.length];
          if (look === undefined) throw new RangeError('no look');
          const move = plan(state, look, nowMs, RULES);
          if (move.kind === 'settle' || move.kind === 'deadLetter') {
            expect(move.kind === 'settle').toBe(look.decided);
            expect(nowMs).toBeLessThanOrEqual(lastMs);
            return;
          }
          const { took, delayMs, next } = live(state, move, look, nowMs);
          state = next;
          expect(delayMs).toBeGreaterThan(0);
          nowMs += took + delayMs + look.lateMs;
        }
        throw new Error('it never ended');
      }),
      { numRuns: 2000 },
    );
  });

  test('the backoff grows with the attempts up to its limit, give or take a quarter', () => {
    for (let attempts = 1; attempts <= 40; attempts += 1) {
      const plain = Math.min(RULES.firstBackoffMs * 2 ** (attempts - 1), RULES.maxBackoffMs);
      expect(backoffMs(attempts, 0, RULES)).toBe(plain * 0.75);
      expect(backoffMs(attempts, 1, RULES)).toBe(plain * 1.25);
    }
  });
});
