import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DeadLetter,
  deadLetterHeaders,
  originalHeaders,
  type RecordHeaders,
  readDeadLetter,
  readReplay,
  replayHeaders,
} from './dead-letter.ts';

const bytes = fc.uint8Array({ maxLength: 12 }).map((array) => Buffer.from(array));
const someHeaders: fc.Arbitrary<RecordHeaders> = fc.array(
  fc
    .tuple(bytes, fc.option(bytes, { nil: null }))
    .filter(([key]) => !key.toString('utf8').startsWith('uplift-')),
  { maxLength: 6 },
);
const text = fc.string({ unit: 'binary', minLength: 0, maxLength: 20 });
const letters: fc.Arbitrary<DeadLetter> = fc.record({
  origin: fc.record({
    topic: fc.string({ minLength: 1, maxLength: 20 }),
    topicId: fc.uuid(),
    partition: fc.nat(10_000),
    offset: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
    timestampMs: fc.nat(),
  }),
  errorCode: text,
  errorMessage: text,
  attempt: fc.integer({ min: 1, max: 1000 }),
  failedBy: text,
  failedAtMs: fc.nat(),
});

describe('the headers of dead letters and replays', () => {
  it('say what was written into them, whatever else the record carries', () => {
    fc.assert(
      fc.property(someHeaders, letters, (headers, letter) => {
        expect(readDeadLetter(deadLetterHeaders(headers, letter))).toEqual(letter);
      }),
    );
  });

  it('give back the original headers, byte for byte and in order, after any number of hops', () => {
    fc.assert(
      fc.property(someHeaders, letters, fc.uuid(), (headers, letter, id) => {
        const replay = { id, origin: letter.origin, attempt: letter.attempt };
        const once = replayHeaders(deadLetterHeaders(headers, letter), replay);
        const twice = replayHeaders(
          deadLetterHeaders(once, { ...letter, attempt: letter.attempt + 1 }),
          replay,
        );
        expect(originalHeaders(once)).toEqual(headers);
        expect(twice).toEqual(once);
        expect(readReplay(once)).toEqual(replay);
        expect(readDeadLetter(once)).toBeUndefined();
      }),
    );
  });

  it('are not read from a record that lacks one of them', () => {
    fc.assert(
      fc.property(someHeaders, letters, fc.nat(9), (headers, letter, gone) => {
        const whole = deadLetterHeaders(headers, letter);
        expect(readDeadLetter(whole.toSpliced(headers.length + gone, 1))).toBeUndefined();
      }),
    );
  });
});
