import type { OutRecord } from '../../clients/kafka/ports.ts';
import { deadLetterHeaders, UNKNOWN_ORIGIN_TOPIC } from '../../contract/dead-letter.ts';
import type { Entry } from '../unknown/store.ts';
import type { GiveUp } from './plan.ts';

/**
 * The dead letter of a command that is given up: key, value and headers as they were sent, in the dead letters of the
 * commands, same partition. It never had an offset that anybody knows, so its origin is the entry it stood in (see
 * UNKNOWN_ORIGIN_TOPIC): a sweeper that dies between the letter and the entry writes the same identity again.
 */
export function letterOf(
  entry: Entry,
  why: {
    readonly code: GiveUp;
    readonly message: string;
    readonly failedBy: string;
    readonly failedAtMs: number;
  },
): OutRecord {
  const { key, value, headers } = entry.record;
  const letter = {
    origin: {
      topic: UNKNOWN_ORIGIN_TOPIC,
      topicId: entry.eventId,
      partition: entry.partition,
      offset: entry.entry,
      timestampMs: entry.issuedAtMs,
    },
    errorCode: why.code,
    errorMessage: why.message,
    attempt: 1,
    failedBy: why.failedBy,
    failedAtMs: why.failedAtMs,
  };
  return { key, value, headers: deadLetterHeaders(headers, letter) };
}
