import fc from 'fast-check';
import { expect, it } from 'vitest';
import { idempotencyKeyOf } from './idempotency-key.ts';

const unit = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) },
  { weight: 1, arbitrary: fc.constantFrom('"', '\\') },
);
/** Around the limit as well: 255 characters are the longest key. */
const printable = fc.oneof(
  fc.string({ unit, maxLength: 12 }),
  fc.string({ unit, minLength: 250, maxLength: 260 }),
);
const quoted = (key: string): string => `"${key.replace(/["\\]/g, (mark) => `\\${mark}`)}"`;

it('reads back every key that was written as a String of structured fields', () => {
  fc.assert(
    fc.property(printable, (key) => {
      const expected = key.length >= 1 && key.length <= 255 ? key : undefined;
      expect(idempotencyKeyOf(quoted(key))).toBe(expected);
    }),
  );
});

it('takes a bare key as it is, so that both forms are one key', () => {
  fc.assert(
    fc.property(printable, (text) => {
      const key = text.replaceAll(' ', '');
      fc.pre(key.length >= 1 && key.length <= 255 && !key.startsWith('"'));
      expect(idempotencyKeyOf(key)).toBe(key);
      expect(idempotencyKeyOf(quoted(key))).toBe(key);
    }),
  );
});

it.each([
  ['nothing', ''],
  ['an empty string', '""'],
  ['a string without an end', '"abc'],
  ['two strings', '"abc", "def"'],
  ['a string with a parameter', '"abc";a=1'],
  ['an escape that there is not', '"a\\bc"'],
  ['a bare key with a space', 'a bc'],
  ['a bare key that is too long', 'x'.repeat(256)],
  ['a quoted key that is too long', `"${'x'.repeat(256)}"`],
  ['letters beyond ASCII', 'schlüssel'],
])('takes %s for no key', (_, field) => {
  expect(idempotencyKeyOf(field)).toBeUndefined();
});

it('takes the longest key with all of it escaped', () => {
  const key = '"'.repeat(255);
  expect(idempotencyKeyOf(quoted(key))).toBe(key);
});
