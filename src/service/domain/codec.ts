import type { RecordHeaders } from '../../contract/dead-letter.ts';
import { decodeEvent, EVENT_HEADERS, type EventSchema, encodeEvent } from '../../contract/events.ts';
import { type Command, type Decision, RECORD_HEADERS } from '../../contract/records.ts';

const NONE = Buffer.alloc(0);

/** The headers of a command, in their fixed order (RECORD_HEADERS). */
export function commandHeaders(eventId: string, traceparent: Buffer): RecordHeaders {
  return headers(RECORD_HEADERS, ['command', '1', eventId, traceparent]);
}

/** The headers of a tick: nobody asked for it. */
export function tickHeaders(): RecordHeaders {
  return headers(RECORD_HEADERS, ['command', '1', null, null]);
}

/**
 * The headers of an event, in their fixed order (EVENT_HEADERS): all that a reader of an older schema needs to go on.
 * `commandsTopicId`: of the topic that the decided command was read from.
 */
export function eventHeaders(
  { eventId, commandOffset, previousCommandOffset }: Decision,
  schema: EventSchema,
  traceparent: Buffer | null,
  commandsTopicId: string,
): RecordHeaders {
  const place = [commandOffset, previousCommandOffset, commandsTopicId];
  return headers(EVENT_HEADERS, ['decision', String(schema), eventId, traceparent, ...place]);
}

function headers(names: readonly string[], values: readonly (string | Buffer | null)[]): RecordHeaders {
  return names.map((name, index) => {
    const value = values[index] ?? NONE;
    return [
      Buffer.from(name, 'utf8'),
      typeof value === 'string' ? Buffer.from(value, 'utf8') : value,
    ] as const;
  });
}

/** The trace header of a record, or null. */
export function traceparentOf(headers: RecordHeaders): Buffer | null {
  return headerNamed(headers, 'traceparent');
}

/** Id of the commands topic that an event was decided from; null: its writer did not say. */
export function commandsTopicIdOf(headers: RecordHeaders): string | null {
  const id = headerNamed(headers, 'commands-topic-id')?.toString('utf8') ?? '';
  return id === '' ? null : id;
}

type HeaderName = (typeof EVENT_HEADERS)[number];
const NAMES = new Map<HeaderName, Buffer>(EVENT_HEADERS.map((name) => [name, Buffer.from(name, 'utf8')]));

/** The last value under one of our names. No text is made of the other names: every event would pay for that. */
export function headerNamed(headers: RecordHeaders, name: HeaderName): Buffer | null {
  const wanted = NAMES.get(name) ?? NONE;
  return headers.findLast(([key]) => key.length === wanted.length && key.equals(wanted))?.[1] ?? null;
}

/** The bytes of a command. */
export function encodeCommand(command: Command): Buffer {
  return Buffer.from(JSON.stringify(command), 'utf8');
}

/** The bytes of a decision: same decision and schema, same bytes. */
export function encodeDecision(decision: Decision, schema: EventSchema = 1): Buffer {
  return encodeEvent(decision, schema);
}

/** The decision in an event record, or undefined for anything that is not one. */
export function decodeDecision(value: Uint8Array | null): Decision | undefined {
  return decodeEvent(value)?.decision;
}
