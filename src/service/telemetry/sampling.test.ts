import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isSampled, samplingOf } from './sampling.ts';

const traceId = fc
  .uuid()
  .map((id) => id.replaceAll('-', '').slice(0, 16) + id.replaceAll('-', '').slice(0, 16));
const anyTrace = fc.nat().map((seed) => createHash('sha256').update(String(seed)).digest('hex').slice(0, 32));
const ratio = fc.double({ min: 0, max: 1, noNaN: true });
const spanId = '2'.repeat(16);

describe('head sampling', () => {
  test('follows the caller’s decision when it is parent-based, and only then', () => {
    fc.assert(
      fc.property(anyTrace, ratio, fc.boolean(), (id, share, sampled) => {
        const parent = { traceId: id, spanId, sampled };
        expect(isSampled({ parentBased: true, ratio: share }, parent, id)).toBe(sampled);
        const anew = isSampled({ parentBased: false, ratio: share }, undefined, id);
        expect(isSampled({ parentBased: false, ratio: share }, parent, id)).toBe(anew);
      }),
    );
  });

  test('with a smaller share takes a part of what a larger share takes', () => {
    fc.assert(
      fc.property(fc.oneof(traceId, anyTrace), ratio, ratio, (id, a, b) => {
        const [less, more] = [Math.min(a, b), Math.max(a, b)];
        const taken = isSampled({ parentBased: true, ratio: less }, undefined, id);
        expect(taken && !isSampled({ parentBased: true, ratio: more }, undefined, id)).toBe(false);
      }),
    );
  });

  test.each([0, 0.01, 0.25, 1])('takes the share %d of many traces', (share) => {
    const many = 20_000;
    const taken = Array.from({ length: many }, (_, seed) =>
      createHash('sha256').update(`trace ${seed}`).digest('hex').slice(0, 32),
    ).filter((id) => isSampled({ parentBased: true, ratio: share }, undefined, id)).length;
    expect(Math.abs(taken / many - share)).toBeLessThanOrEqual(4 * Math.sqrt((share * (1 - share)) / many));
  });

  test('is what the names of the standard say', () => {
    expect(samplingOf('always_on', 0.5)).toEqual({ parentBased: false, ratio: 1 });
    expect(samplingOf('parentbased_always_off', 0.5)).toEqual({ parentBased: true, ratio: 0 });
    expect(samplingOf('traceidratio', 0.5)).toEqual({ parentBased: false, ratio: 0.5 });
    expect(samplingOf('parentbased_traceidratio', 0.01)).toEqual({ parentBased: true, ratio: 0.01 });
  });
});
