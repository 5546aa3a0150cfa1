import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Claimant, winnerOf } from './lock.ts';

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
