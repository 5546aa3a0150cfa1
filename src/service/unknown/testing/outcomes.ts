import { TOPICS } from '../../../contract/records.ts';
import { commandHeaders } from '../../domain/codec.ts';
import type { UnknownOutcome } from '../outcome.ts';

export const TOPIC_ID = 'topic-1';

/** The nth event id. */
export const idOf = (n: number): string => n.toString(16).padStart(32, '0');

/** A command of unknown outcome that was sent just now. */
export function someOutcome(n: number, over: Partial<UnknownOutcome> = {}): UnknownOutcome {
  const eventId = idOf(n);
  const record = {
    key: Buffer.from('t/room'),
    // More than one line of base64, and bytes that are no text.
    value: Buffer.from([...Array(200).keys()]),
    headers: commandHeaders(eventId, Buffer.from('trace')),
  };
  const issuedAtMs = Date.now();
  return {
    tenant: 't',
    eventId,
    topic: TOPICS.commands,
    topicId: TOPIC_ID,
    partition: n % 3,
    record,
    payload: 'hash',
    issuedAtMs,
    notAfterMs: issuedAtMs + 120_000,
    ...over,
  };
}
