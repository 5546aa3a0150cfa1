import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { waitSecondsOf } from './prefer.ts';

describe('Prefer: wait', () => {
  test.each([
    ['wait=5', 5],
    ['WAIT = 5', 5],
    ['wait="5"', 5],
    ['wait=5; foo=bar', 5],
    ['respond-async, wait=7', 7],
    ['note="a, wait=9", wait=3', 3],
    ['wait=3, wait=9', 3],
    ['wait=999', 20],
    ['wait=0', undefined],
    ['wait=-1', undefined],
    ['wait=1.5', undefined],
    ['wait', undefined],
    ['wait=x, wait=3', undefined],
    ['waiting=5', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%j is %j seconds', (field, seconds) => {
    expect(waitSecondsOf(field, 20)).toBe(seconds);
  });

  test('is never more than the bound nor less than a second, whatever is written, and is read in little time', () => {
    const pieces = fc.constantFrom('wait', '=', '5', '"', ',', ';', ' ', 'a', '\\', '99999999999');
    const fields = fc.oneof(
      fc.string({ maxLength: 500 }),
      fc.array(pieces).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(fields, (field) => {
        const seconds = waitSecondsOf(field, 20);
        if (seconds !== undefined) expect(seconds >= 1 && seconds <= 20).toBe(true);
      }),
    );
    const before = performance.now();
    for (const hard of [
      '"'.repeat(16_000),
      ' '.repeat(16_000),
      `wait =${' '.repeat(16_000)}`,
      `wait=${' '.repeat(16_000)}"`,
      ','.repeat(16_000),
    ])
      waitSecondsOf(`${hard}x`, 20);
    expect(performance.now() - before).toBeLessThan(1000);
  });
});
