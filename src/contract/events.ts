import { z } from 'zod';
import { plainEvent } from './plain-event.ts';
import {
  COMMAND_TYPES,
  type CommandType,
  type Decision,
  decisionSchema,
  RECORD_HEADERS,
  type ReservationState,
} from './records.ts';

/** Versions of the event schema. 2 says which type of command was decided, so that a reader tells a cancel from a change. */
export const EVENT_SCHEMAS = [1, 2] as const;
export type EventSchema = (typeof EVENT_SCHEMAS)[number];
export const NEWEST_EVENT_SCHEMA: EventSchema = 2;

/**
 * Headers of an event, in the order they are written. They are the part of an event that never changes with its schema:
 * whoever cannot read the value still sees which command it decides and which one came before, so the chain stays whole, and
 * of which commands topic (its id) those offsets are. Writers of before do not say the latter.
 */
export const EVENT_HEADERS = [
  ...RECORD_HEADERS,
  'command-offset',
  'previous-command-offset',
  'commands-topic-id',
] as const;

const decisionV2Schema = z.object({
  ...decisionSchema.shape,
  v: z.literal(2),
  command: z.enum(COMMAND_TYPES).nullable(),
});
const eventSchema = z.discriminatedUnion('v', [decisionSchema, decisionV2Schema]);

/** An event as read: its decision in the one shape everybody works with, whatever schema it was written in. */
export interface DecodedEvent {
  readonly schema: EventSchema;
  readonly decision: Decision;
}

/**
 * The bytes of a decision under a schema. Same decision and schema, same bytes, wherever the decision was before: the
 * fields are written in one order, not in that of the object.
 */
export function encodeEvent(decision: Decision, schema: EventSchema): Buffer {
  const { reservation, first, expired } = decision;
  const written = {
    v: schema,
    ...(schema === 1 ? {} : { command: decision.command }),
    decision: decision.decision,
    rulesVersion: decision.rulesVersion,
    commandOffset: decision.commandOffset,
    previousCommandOffset: decision.previousCommandOffset,
    logTimeMs: decision.logTimeMs,
    eventId: decision.eventId,
    tenant: decision.tenant,
    reservation: reservation === null ? null : stateOf(reservation),
    reason: decision.reason,
    first: first === null ? null : { commandOffset: first.commandOffset, decision: first.decision },
    ...(expired.length === 0 ? {} : { expired: expired.map(stateOf) }),
  };
  return Buffer.from(JSON.stringify(written), 'utf8');
}

/** The fields of a reservation in the one order they are written in, also in snapshots. */
export function stateOf(reservation: ReservationState): ReservationState {
  const { id, tenant, resource, slot, quantity, status, version, holdUntilMs } = reservation;
  return {
    id,
    tenant,
    resource,
    slot: { start: slot.start, end: slot.end },
    quantity,
    status,
    version,
    holdUntilMs,
  };
}

/** Without a copy of the bytes. */
function textOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('utf8');
}

/** The event in a record's value, or undefined for anything that is none of a known schema. */
export function decodeEvent(value: Uint8Array | null): DecodedEvent | undefined {
  if (value === null) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(textOf(value));
  } catch {
    return undefined;
  }
  return plainEvent(json) ?? eventIn(json);
}

/** The same by the schema alone, which knows every valid event. */
export function eventIn(json: unknown): DecodedEvent | undefined {
  const parsed = eventSchema.safeParse(json);
  if (!parsed.success) return undefined;
  const { data } = parsed;
  const command: CommandType | null = data.v === 2 ? data.command : null;
  return { schema: data.v, decision: { ...data, v: 1, command } };
}
