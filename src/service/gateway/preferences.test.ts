import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LONGEST_WAIT_S, waitSecondsOf } from './preferences.ts';

test.each([
  ['wait=5', 5],
  ['respond-async, wait=10', 10],
  ['Wait = "7"', 7],
  ['wait=5; foo=bar', 5],
  ['wait=100000', LONGEST_WAIT_S],
  ['wait=-1', undefined],
  ['waiting=5', undefined],
  ['', undefined],
  [undefined, undefined],
])('Prefer: %s waits %s seconds', (header, seconds) => {
  expect(waitSecondsOf(header)).toBe(seconds);
});

test('whatever stands in the header, the wait is bounded or none', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const seconds = waitSecondsOf(text) ?? 0;
      expect(seconds >= 0 && seconds <= LONGEST_WAIT_S).toBe(true);
    }),
  );
});
