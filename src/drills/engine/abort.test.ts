import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Second } from '../../load/timeline.ts';
import { loadTrouble } from './abort.ts';

const NONE = { p50Ms: null, p99Ms: null, firstAckUs: null, lastAckUs: null, firstFailureUs: null };
const second = (at: number, ok: number, fail: number, info = 0): Second => ({
  second: at,
  ok,
  fail,
  info,
  ...NONE,
});
const LIMITS = { abortErrorRate: 0.5, abortAfterS: 3 };

describe('the load ends a drill', () => {
  it('when more than the allowed share failed in every one of the last seconds', () => {
    const bad = [second(5, 10, 90), second(6, 10, 80, 10), second(7, 0, 0, 4)];
    expect(loadTrouble(bad, 4_500_000, LIMITS)).toBe('more than 50 % of the operations failed for 3 s');
    expect(loadTrouble([...bad, second(8, 90, 10)], 4_500_000, LIMITS)).toBeUndefined();
  });

  it('never for what was before the fault, for too few seconds, or for silence', () => {
    const bad = [second(5, 10, 90), second(6, 10, 90), second(7, 10, 90)];
    expect(loadTrouble(bad, 5_000_001, LIMITS)).toBeUndefined();
    expect(loadTrouble(bad.slice(1), 0, LIMITS)).toBeUndefined();
    expect(loadTrouble([second(5, 0, 0), ...bad.slice(1)], 0, LIMITS)).toBeUndefined();
  });

  it('never while one of the last seconds is within the limit, whatever the others are', () => {
    const counts = fc.record({ ok: fc.nat(100), fail: fc.nat(100), info: fc.nat(100) });
    fc.assert(
      fc.property(fc.array(counts, { minLength: 3, maxLength: 20 }), fc.nat(2), (all, at) => {
        const well = all.length - 1 - at;
        const rows = all.map(({ ok, fail, info }, index) =>
          index === well ? second(index, fail + info, fail, info) : second(index, ok, fail, info),
        );
        expect(loadTrouble(rows, 0, LIMITS)).toBeUndefined();
      }),
    );
  });
});
