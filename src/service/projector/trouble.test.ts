import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cutBelow } from './trouble.ts';

const position = (nextOffset: bigint, leaderEpoch: number) => ({
  topicId: 't',
  nextOffset,
  leaderEpoch,
  decidedThrough: 0n,
  logTimeMs: 0,
});
const end = (leaderEpoch: number, endOffset: bigint) => ({
  topic: 't',
  partition: 0,
  leaderEpoch,
  endOffset,
});
const offset = fc.bigInt({ min: 1n, max: 1_000_000n });
const epoch = fc.integer({ min: 0, max: 1000 });

describe('a stored position and the log it was read from', () => {
  test('fit as long as the epoch of the last applied record reaches up to it', () => {
    fc.assert(
      fc.property(offset, epoch, fc.bigInt({ min: 0n, max: 1000n }), (next, of, more) => {
        expect(cutBelow(position(next, of), end(of, next + more))).toBeUndefined();
      }),
    );
  });

  test('do not fit when that epoch ends below it, even if newer records fill the offsets', () => {
    fc.assert(
      fc.property(offset, epoch, (next, of) => {
        expect(cutBelow(position(next, of), end(of, next - 1n))).toContain('were cut off');
      }),
    );
  });

  test('do not fit when the log knows no epoch as old, or nobody said', () => {
    expect(cutBelow(position(5n, 3), end(-1, -1n))).toContain('another log');
    expect(cutBelow(position(5n, 3), undefined)).toContain('another log');
  });

  test('cannot differ before anything was applied', () => {
    expect(cutBelow(position(0n, -1), undefined)).toBeUndefined();
  });
});
