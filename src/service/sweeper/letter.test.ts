import { expect, test } from 'vitest';
import { originKey, UNKNOWN_ORIGIN_TOPIC } from '../../contract/dead-letter.ts';
import { contentHash, letterKey, seeLetter } from '../../dlq/letters.ts';
import { commandHeaders } from '../domain/codec.ts';
import type { Entry } from '../unknown/store.ts';
import { letterOf } from './letter.ts';

const EVENT = 'e'.repeat(32);
const entry: Entry = {
  tenant: 't',
  eventId: EVENT,
  entry: 17n,
  topic: 'reservations.commands',
  topicId: 'topic',
  partition: 3,
  record: {
    key: Buffer.from('t/room'),
    value: Buffer.from([0, 255]),
    headers: commandHeaders(EVENT, Buffer.alloc(0)),
  },
  payload: 'hash',
  issuedAtMs: 1000,
  notAfterMs: 121_000,
  attempts: 10,
  appendedOffset: null,
  decided: false,
};
const why = {
  code: 'unknown-not-appended',
  message: 'why',
  failedBy: 'sweeper-1',
  failedAtMs: 120_000,
} as const;

test('a command that was given up is a whole dead letter for `uplift dlq`, under the identity of its entry', () => {
  const record = letterOf(entry, why);
  const seen = seeLetter(3, { ...record, offset: 5n, timestampMs: 120_001, leaderEpoch: 0 });
  expect(seen.letter).toMatchObject({ errorCode: 'unknown-not-appended', errorMessage: 'why', attempt: 1 });
  expect(seen.cannotCarry).toBeNull();
  expect(seen.sha256).toBe(contentHash(entry.record));
  if (seen.letter === null) throw new Error('no letter');
  expect(seen.letter.origin).toEqual({
    topic: UNKNOWN_ORIGIN_TOPIC,
    topicId: EVENT,
    partition: 3,
    offset: 17n,
    timestampMs: 1000,
  });
  expect(originKey(seen.letter.origin)).toBe(`${EVENT}/3/17`);
  // A sweeper that died before it wrote down that it had given up does it again: a copy, not another letter.
  const again = seeLetter(3, {
    ...letterOf(entry, { ...why, failedBy: 'sweeper-2', failedAtMs: 140_000 }),
    offset: 6n,
    timestampMs: 140_001,
    leaderEpoch: 0,
  });
  if (again.letter === null) throw new Error('no letter');
  expect(letterKey(again.letter)).toBe(letterKey(seen.letter));
});
