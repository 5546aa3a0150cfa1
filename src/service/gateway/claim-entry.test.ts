import { describe, expect, test } from 'vitest';
import {
  type ClaimEntry,
  claimKeyOf,
  decodeEntry,
  encodeEntry,
  parseClaimKey,
  standingOf,
} from './claim-entry.ts';

const at = { nowMs: 1000, longestRunMs: 500 };

describe('what a repeated request makes of the entry it meets', () => {
  test.each<[string, ClaimEntry, object]>([
    ['another payload, although it is finished', { p: 'b', r: '', t: 'token' }, { kind: 'keyReused' }],
    ['another payload that runs', { p: 'b', r: '', u: 1400 }, { kind: 'keyReused' }],
    ['finished', { p: 'a', r: '', t: 'token' }, { kind: 'finished', token: 'token' }],
    ['running', { p: 'a', r: '', u: 1400 }, { kind: 'running', forMs: 400 }],
    ['running until now', { p: 'a', r: '', u: 1000, a: 900 }, { kind: 'free', isForgotten: false }],
    ['ended without an acknowledgement', { p: 'a', r: '', a: 1 }, { kind: 'free', isForgotten: false }],
    ['ended so long ago', { p: 'a', r: '', a: 1000 - 300_001 }, { kind: 'free', isForgotten: true }],
    ['running by a clock far ahead', { p: 'a', r: '', u: 999_999 }, { kind: 'running', forMs: 500 }],
  ])('%s', (_, entry, standing) => {
    expect(standingOf(entry, 'a', at)).toEqual(standing);
  });

  test('an entry is read as it was written, and anything else is refused', () => {
    for (const entry of [
      { p: 'a', r: 'id' },
      { p: 'a', r: '', u: 5 },
      { p: 'a', r: 'id', t: 'token' },
    ])
      expect(decodeEntry(encodeEntry(entry))).toEqual(entry);
    expect(() => decodeEntry('{"p":1}')).toThrow();
    expect(() => decodeEntry('nonsense')).toThrow();
  });

  test('the key of a claim holds tenant and event id', () => {
    expect(parseClaimKey(claimKeyOf('a:b.c', 'f'.repeat(32)))).toEqual({
      tenant: 'a:b.c',
      keyHash: 'f'.repeat(32),
    });
    expect(() => parseClaimKey('idem:abc')).toThrow(RangeError);
  });
});
