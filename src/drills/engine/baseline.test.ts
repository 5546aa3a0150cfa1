import { describe, expect, it } from 'vitest';
import { sloOf, unsteady } from './baseline.ts';

const steady = { seconds: 10, okPerS: 200, p99Ms: 40, worstP99Ms: 60, errorRate: 0 };

describe('the baseline of a drill', () => {
  it('is a steady state only with acknowledgements, hardly any failure, and close to the rate asked for', () => {
    expect(unsteady(steady, 200)).toBeUndefined();
    expect(unsteady(null, 200)).toBe('nothing was acknowledged');
    expect(unsteady({ ...steady, errorRate: 0.02 }, 200)).toBe('2.0 % of the operations failed');
    expect(unsteady({ ...steady, okPerS: 133 }, 200)).toBe(
      '133 operations a second acknowledged of 200 asked for',
    );
  });

  it('sets the tolerance: three times its worst second, at least 250 ms, and four fifths of its rate', () => {
    expect(sloOf(steady)).toEqual({ p99Ms: 250, errorRate: 0.01, minOkPerS: 160, forSeconds: 3 });
    expect(sloOf({ ...steady, worstP99Ms: 400 }).p99Ms).toBe(1200);
  });
});
