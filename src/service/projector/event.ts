import type { InRecord, RecordBatch } from '../../clients/kafka/ports.ts';
import { type RecordHeaders, type Replay, readReplay } from '../../contract/dead-letter.ts';
import { decodeEvent, EVENT_HEADERS, type EventSchema } from '../../contract/events.ts';
import type { Decision } from '../../contract/records.ts';
import { commandsTopicIdOf, headerNamed } from '../domain/codec.ts';

/** Where an event stands in the chain of command offsets. */
export interface Link {
  readonly commandOffset: bigint;
  readonly previousCommandOffset: bigint;
}

/** An event as a projector of one schema sees it. */
export type ReadEvent =
  | {
      readonly kind: 'decision';
      readonly decision: Decision;
      readonly link: Link;
      /** Of the topic that the offsets in the link are of; null: its writer did not say. */
      readonly commandsTopicId: string | null;
      readonly replay: Replay | undefined;
    }
  | {
      readonly kind: 'unreadable';
      readonly code: 'schema-unknown' | 'not-a-decision';
      readonly message: string;
      readonly eventId: string | null;
      /** From the headers; absent: nothing says that this record is part of the chain. */
      readonly link: Link | undefined;
      readonly commandsTopicId: string | null;
      readonly replay: Replay | undefined;
    };

/** A record with what it says. */
export interface ReadRecord {
  readonly record: InRecord;
  readonly event: ReadEvent;
}

/** A batch of the events topic with what its records say, in order. */
export interface ReadBatch {
  readonly batch: RecordBatch;
  readonly events: readonly ReadRecord[];
}

/** Reads batches, knowing event schemas up to `newest`. Pure. */
export function readBatches(batches: readonly RecordBatch[], newest: EventSchema): ReadBatch[] {
  return batches.map((batch) => ({ batch, events: readRecords(batch.records, newest) }));
}

/** Reads records, knowing event schemas up to `newest`. Pure. */
export function readRecords(records: readonly InRecord[], newest: EventSchema): ReadRecord[] {
  return records.map((record) => ({ record, event: readEvent(record, newest) }));
}

/** Reads a record of the events topic, knowing event schemas up to `newest`. Pure. */
export function readEvent(record: InRecord, newest: EventSchema): ReadEvent {
  const replay = readReplay(record.headers);
  const decoded = decodeEvent(record.value);
  const schema = schemaOf(record.headers) ?? decoded?.schema;
  if (schema !== undefined && schema > newest) {
    const message = `event schema ${schema}; this projector reads schemas up to ${newest}`;
    return { kind: 'unreadable', code: 'schema-unknown', message, replay, ...envelopeOf(record.headers) };
  }
  if (decoded === undefined) {
    const message = 'the value is no decision of a known schema';
    return { kind: 'unreadable', code: 'not-a-decision', message, replay, ...envelopeOf(record.headers) };
  }
  const { decision } = decoded;
  const link = {
    commandOffset: BigInt(decision.commandOffset),
    previousCommandOffset: BigInt(decision.previousCommandOffset),
  };
  return { kind: 'decision', decision, link, commandsTopicId: commandsTopicIdOf(record.headers), replay };
}

interface Envelope {
  readonly eventId: string | null;
  readonly link: Link | undefined;
  readonly commandsTopicId: string | null;
}

const DECISION = Buffer.from('decision', 'utf8');

/** The schema of the value, where the headers say it. Records of old or foreign writers say nothing. */
function schemaOf(headers: RecordHeaders): number | undefined {
  if (headerNamed(headers, 'uplift-kind')?.equals(DECISION) !== true) return undefined;
  const text = headerNamed(headers, 'uplift-version')?.toString('utf8') ?? '';
  return /^\d{1,6}$/.test(text) ? Number(text) : undefined;
}

/** What the headers say whatever the schema of the value is. Records of old or foreign writers say nothing. */
function envelopeOf(headers: RecordHeaders): Envelope {
  const text = new Map(headers.map(([key, value]) => [key.toString('utf8'), value?.toString('utf8') ?? '']));
  const [kind, , eventId, , commandOffset, previous] = EVENT_HEADERS.map((name) => text.get(name) ?? '');
  if (kind !== 'decision') return { eventId: null, link: undefined, commandsTopicId: null };
  const [at, before] = [offsetOf(commandOffset), offsetOf(previous)];
  return {
    eventId: eventId !== undefined && /^[0-9a-f]{32}$/.test(eventId) ? eventId : null,
    link:
      at === undefined || before === undefined
        ? undefined
        : { commandOffset: at, previousCommandOffset: before },
    commandsTopicId: commandsTopicIdOf(headers),
  };
}

function offsetOf(text: string | undefined): bigint | undefined {
  return text !== undefined && /^-?\d{1,19}$/.test(text) ? BigInt(text) : undefined;
}
