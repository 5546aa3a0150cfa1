import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Claimant, holdOf, winnerOf } from './lock.ts';

const claimants = fc.uniqueArray(
  fc.record({ memberId: fc.string(), holds: fc.constant(false), sinceMs: fc.nat(3), owner: fc.string() }),
  { minLength: 1, maxLength: 6, selector: ({ memberId }) => memberId },
);

describe('the lock of a cluster', () => {
  it('stays with its holder, whoever joins with whatever clock', () => {
    fc.assert(
      fc.property(claimants, fc.nat(), (others, sinceMs) => {
        const holder: Claimant = { memberId: '\u{10ffff}', holds: true, sinceMs, owner: 'holder' };
        expect(winnerOf([...others, holder])).toBe(holder);
      }),
    );
  });

  it('goes to the same one whoever assigns it and in whatever order members are told', () => {
    fc.assert(
      fc.property(claimants, (all) => {
        const winner = winnerOf(all);
        expect(winnerOf(all.toReversed())).toEqual(winner);
        expect(Math.min(...all.map(({ sinceMs }) => sinceMs))).toBe(winner?.sinceMs);
      }),
    );
  });
});

describe('what a member knows of its hold', () => {
  const at = () => {
    const clock = { ms: 0 };
    return { clock, hold: holdOf(() => clock.ms, 10_000) };
  };
  const seen = (hold: ReturnType<typeof holdOf>) => [hold.held(), hold.claims()];

  it('is nothing before it joined, and nothing when another was given it', () => {
    const { hold } = at();
    expect(seen(hold)).toEqual([false, false]);
    hold.joined(true);
    expect(seen(hold)).toEqual([true, true]);
    hold.joined(false);
    expect(seen(hold)).toEqual([false, false]);
  });

  it('is not held during a rebalance, and claimed all the same: that is what keeps a newcomer from taking it', () => {
    const { hold } = at();
    hold.joined(true);
    hold.rebalancing();
    expect(seen(hold)).toEqual([false, true]);
  });

  it('ends with the member', () => {
    const { hold } = at();
    hold.joined(true);
    hold.ended();
    expect(seen(hold)).toEqual([false, false]);
  });

  it('lapses when the coordinator was not heard for a session, and a late answer does not bring it back', () => {
    const { clock, hold } = at();
    hold.joined(true);
    clock.ms = 9_999;
    hold.heard();
    clock.ms = 19_998;
    expect(seen(hold)).toEqual([true, true]);
    clock.ms = 19_999;
    hold.heard();
    expect(seen(hold)).toEqual([false, false]);
  });
});
