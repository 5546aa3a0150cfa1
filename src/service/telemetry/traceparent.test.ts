import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatTraceparent, ownTraceparent, parseTraceparent, type TraceParent } from './traceparent.ts';

const hex = (digits: number): fc.Arbitrary<string> =>
  fc
    .array(fc.constantFrom(...'0123456789abcdef'), { minLength: digits, maxLength: digits })
    .map((all) => all.join(''));
const someHex = (digits: number): fc.Arbitrary<string> => hex(digits).filter((text) => /[^0]/.test(text));
const context: fc.Arbitrary<TraceParent> = fc.record({
  traceId: someHex(32),
  spanId: someHex(16),
  sampled: fc.boolean(),
});

describe('a traceparent header', () => {
  test('comes back as it was written', () => {
    fc.assert(
      fc.property(context, (made) => {
        expect(parseTraceparent(formatTraceparent(made))).toEqual(made);
      }),
    );
  });

  test('of a later version is read as far as version 00 goes', () => {
    const version = hex(2).filter((text) => text !== '00' && text !== 'ff');
    fc.assert(
      fc.property(context, version, fc.string({ maxLength: 50 }), (made, later, rest) => {
        const clean = rest.replaceAll(/[\n\r\u2028\u2029]/g, '');
        const text = `${later}${formatTraceparent(made).slice(2)}`;
        expect(parseTraceparent(text)).toEqual(made);
        expect(parseTraceparent(`${text}-${clean}`)).toEqual(made);
      }),
    );
  });

  test('is either read whole or not at all, whatever it is', () => {
    const near = fc.tuple(context, fc.nat(54), fc.string({ maxLength: 3 })).map(([made, at, text]) => {
      const good = formatTraceparent(made);
      return `${good.slice(0, at)}${text}${good.slice(at + 1)}`;
    });
    fc.assert(
      fc.property(fc.oneof(near, fc.string({ maxLength: 300 })), (text) => {
        const read = parseTraceparent(text);
        if (read === undefined) return;
        expect(read.traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
        expect(read.spanId).toMatch(/^(?!0{16})[0-9a-f]{16}$/);
        expect(text.slice(3, 52)).toBe(`${read.traceId}-${read.spanId}`);
      }),
    );
  });

  test.each([
    ['an invalid version', `ff-${'1'.repeat(32)}-${'2'.repeat(16)}-01`],
    ['version 00 with more behind it', `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01-more`],
    ['a trace id of zeros', `00-${'0'.repeat(32)}-${'2'.repeat(16)}-01`],
    ['a span id of zeros', `00-${'1'.repeat(32)}-${'0'.repeat(16)}-01`],
    ['capital letters', `00-${'A'.repeat(32)}-${'2'.repeat(16)}-01`],
    ['something very long', `01-${'1'.repeat(32)}-${'2'.repeat(16)}-01-${'x'.repeat(300)}`],
    ['nothing', ''],
  ])('that is %s is none', (_, text) => {
    expect(parseTraceparent(text)).toBeUndefined();
  });

  test('of a request without a caller’s trace names its operation', () => {
    fc.assert(
      fc.property(
        someHex(32).filter((id) => /[^0]/.test(id.slice(0, 16))),
        (operationId) => {
          const own = parseTraceparent(ownTraceparent(operationId));
          expect(own).toMatchObject({ traceId: operationId, sampled: false });
        },
      ),
    );
  });
});
