import { z } from 'zod';
import { type Decision, decisionSchema, RECORD_HEADERS } from './records.ts';

/**
 * Versions of the event schema. 2 says the version of the reservation that the event makes, so that a record which is
 * replayed later can be placed: it applies iff its version is the row's plus one (S11).
 */
export const EVENT_SCHEMAS = [1, 2] as const;
export type EventSchema = (typeof EVENT_SCHEMAS)[number];
export const NEWEST_EVENT_SCHEMA: EventSchema = 2;

/**
 * Headers of an event, in the order they are written. They are the part of an event that never changes with its schema:
 * whoever cannot read the value still sees which command it decides and which one came before, so the chain stays whole.
 */
export const EVENT_HEADERS = [...RECORD_HEADERS, 'command-offset', 'previous-command-offset'] as const;

const decisionV2Schema = z.object({
  ...decisionSchema.shape,
  v: z.literal(2),
  reservation: decisionSchema.shape.reservation
    .unwrap()
    .extend({ version: z.int().min(1) })
    .nullable(),
});

const eventSchema = z.discriminatedUnion('v', [decisionSchema, decisionV2Schema]);

/** An event as read: its decision in the one shape everybody works with, whatever schema it was written in. */
export interface DecodedEvent {
  readonly schema: EventSchema;
  readonly decision: Decision;
  /** Version of the reservation after this event; 1 for everything schema 1 can say. */
  readonly version: number;
}

/**
 * The bytes of a decision under a schema. Same decision and schema, same bytes, wherever the decision was before: the
 * fields are written in one order, not in that of the object.
 */
export function encodeEvent(decision: Decision, schema: EventSchema): Buffer {
  const { reservation, first } = decision;
  const written = {
    v: schema,
    decision: decision.decision,
    rulesVersion: decision.rulesVersion,
    commandOffset: decision.commandOffset,
    previousCommandOffset: decision.previousCommandOffset,
    logTimeMs: decision.logTimeMs,
    eventId: decision.eventId,
    reservation: reservation === null ? null : reservationIn(reservation, schema),
    reason: decision.reason,
    first: first === null ? null : { commandOffset: first.commandOffset, decision: first.decision },
  };
  return Buffer.from(JSON.stringify(written), 'utf8');
}

function reservationIn(reservation: NonNullable<Decision['reservation']>, schema: EventSchema): unknown {
  const { id, tenant, resource, slot, quantity } = reservation;
  const common = { id, tenant, resource, slot: { start: slot.start, end: slot.end }, quantity };
  return schema === 1 ? common : { ...common, version: 1 };
}

/** The event in a record's value, or undefined for anything that is none of a known schema. */
export function decodeEvent(value: Uint8Array | null): DecodedEvent | undefined {
  const parsed = eventSchema.safeParse(jsonOf(value));
  if (!parsed.success) return undefined;
  if (parsed.data.v === 1) return { schema: 1, decision: parsed.data, version: 1 };
  const { reservation, ...rest } = parsed.data;
  if (reservation === null) return { schema: 2, decision: { ...rest, v: 1, reservation }, version: 1 };
  const { version, ...without } = reservation;
  return { schema: 2, decision: { ...rest, v: 1, reservation: without }, version };
}

function jsonOf(value: Uint8Array | null): unknown {
  if (value === null) return undefined;
  try {
    return JSON.parse(Buffer.from(value).toString('utf8'));
  } catch {
    return undefined;
  }
}
