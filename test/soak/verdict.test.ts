import { describe, expect, it } from 'vitest';
import { examinedWith, livesWith, OPTIONS, observedWith } from './soak-fixture.ts';
import { verdictOf } from './verdict.ts';

const exitOf = (...args: Parameters<typeof verdictOf>): number => verdictOf(...args).exit;

describe('the verdict of a soak', () => {
  it('is 0 when everything was seen and nothing is wrong', () => {
    expect(verdictOf(observedWith(), livesWith(), OPTIONS)).toEqual({ exit: 0, broken: [], open: [] });
  });

  it('is 10 when an acknowledged operation is lost', () => {
    const examined = examinedWith({ verdict: 'fail', reasons: ['1 acknowledged operations lost'] });
    const { exit, broken } = verdictOf(observedWith({ examined }), livesWith(), OPTIONS);
    expect([exit, broken]).toEqual([10, ['1 acknowledged operations lost']]);
  });

  it('is 10 when a process grows, and when one did not come back', () => {
    expect(exitOf(observedWith(), livesWith(2_000_000), OPTIONS)).toBe(10);
    expect(
      exitOf(observedWith({ notBack: 'kafka-2 registered: not within 150000 ms' }), livesWith(), OPTIONS),
    ).toBe(10);
  });

  it('is 10, not 12, when something is broken and something else could not be told', () => {
    expect(exitOf(observedWith({ troubles: ['az-c was not read'] }), livesWith(2_000_000), OPTIONS)).toBe(10);
  });

  it.each([
    [
      'the final reads failed',
      observedWith({ examined: undefined, troubles: ['the final reads failed: x'] }),
    ],
    ['a source was not read', observedWith({ troubles: ['Postgres az-c could not be read'] })],
    [
      'the judgement is open',
      observedWith({
        examined: examinedWith({ verdict: 'inconclusive', reasons: ['the API was not read'] }),
      }),
    ],
    ['no broker was killed', observedWith({ kills: observedWith().kills.slice(1) })],
    ['the load did not keep its schedule', observedWith({ load: { exit: 10, summary: undefined } })],
    ['too little was acknowledged', observedWith({ examined: examinedWith({ acknowledged: 100_000 }) })],
  ])('is 12 when %s', (_, observed) => {
    const { exit, open } = verdictOf(observed, livesWith(), OPTIONS);
    expect(exit).toBe(12);
    expect(open.length).toBeGreaterThan(0);
  });

  it('is 12 when no process of a kind lived long enough', () => {
    const { exit, open } = verdictOf(observedWith(), livesWith(0, ['gateway', 'projector']), OPTIONS);
    expect([exit, open]).toEqual([12, ['no process of kind projector lived long enough to be judged']]);
  });
});
