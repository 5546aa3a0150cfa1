import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  deadLetterHeaders,
  originalHeaders,
  type RecordHeaders,
  readReplay,
} from '../contract/dead-letter.ts';
import { showBytes } from './content.ts';
import { contentHash, replayOf, seeLetter } from './letters.ts';
import { letterOf } from './testing/topics.ts';

const bytes = fc.uint8Array({ maxLength: 6 }).map((array) => Buffer.from(array));
const maybe = fc.option(bytes, { nil: null });
const headers: fc.Arbitrary<RecordHeaders> = fc.array(fc.tuple(bytes, maybe), { maxLength: 3 });
const content = fc.record({ key: maybe, value: maybe, headers });

describe('the content of a letter', () => {
  it('has one hash, whatever dead letter headers come with it, and another when a byte moves', () => {
    fc.assert(
      fc.property(content, content, (one, two) => {
        const parked = { ...one, headers: deadLetterHeaders(one.headers, letterOf(0, 1)) };
        expect(contentHash(parked)).toBe(contentHash(one));
        const same = JSON.stringify(one) === JSON.stringify(two);
        expect(contentHash(one) === contentHash(two)).toBe(same);
      }),
    );
    const a = Buffer.from('a');
    const empty = Buffer.alloc(0);
    const hashes = [
      { key: null, value: a, headers: [] },
      { key: empty, value: a, headers: [] },
      { key: a, value: null, headers: [] },
      { key: a, value: empty, headers: [] },
      { key: null, value: null, headers: [[a, null] as const] },
      { key: null, value: null, headers: [[a, empty] as const] },
    ].map(contentHash);
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it('goes into the replay byte for byte', () => {
    fc.assert(
      fc.property(content, (one) => {
        const letter = letterOf(1, 5);
        const record = { ...one, headers: deadLetterHeaders(one.headers, letter) };
        const sent = replayOf(record, letter, 'r1');
        expect([sent.key, sent.value, originalHeaders(sent.headers)]).toEqual([
          one.key,
          one.value,
          one.headers,
        ]);
        expect(readReplay(sent.headers)).toEqual({ id: 'r1', origin: letter.origin, attempt: 1 });
        const seen = seeLetter(1, { ...record, offset: 3n, leaderEpoch: 0, timestampMs: 0 });
        expect(seen).toMatchObject({ letter, sha256: contentHash(one) });
        expect(seen.cannotCarry !== null).toBe(one.headers.length > 0 && seen.cannotCarry !== null);
      }),
    );
  });

  it('is shown as text only where it is text, cut between letters, and null is not empty', () => {
    expect(showBytes(null)).toBeNull();
    expect(showBytes(Buffer.alloc(0))).toEqual({ encoding: 'utf8', bytes: 0, text: '', truncated: false });
    expect(showBytes(Buffer.from('{"a":"ü"}'))).toMatchObject({ encoding: 'utf8', text: '{"a":"ü"}' });
    expect(showBytes(Buffer.from([0xff, 0x00]))).toMatchObject({ encoding: 'hex', text: 'ff00' });
    expect(showBytes(Buffer.from('a\u001b[2Jb'))).toMatchObject({ encoding: 'hex' });
    const long = showBytes(Buffer.from(`a${'ü'.repeat(4_000)}`));
    expect(long).toMatchObject({ encoding: 'utf8', bytes: 8_001, truncated: true });
    expect(long?.text.endsWith('ü')).toBe(true);
  });
});
