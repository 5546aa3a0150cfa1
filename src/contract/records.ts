import { z } from 'zod';

/** Half-open interval [start, end) of a reservation, ISO 8601 in UTC. */
export const slotSchema = z
  .object({ start: z.iso.datetime(), end: z.iso.datetime() })
  .refine((slot) => Date.parse(slot.start) < Date.parse(slot.end), {
    error: 'slot.start must be before slot.end',
  });
export type Slot = z.infer<typeof slotSchema>;

const name = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[A-Za-z0-9._:-]+$/);

/**
 * A command as it stands in the commands topic (key = tenant/resource). `notAfterMs` is compared with the log's own
 * time (LogAppendTime), so no reader needs a clock (S8, S9).
 */
export const commandSchema = z.object({
  v: z.literal(1),
  type: z.literal('create'),
  eventId: z.string().regex(/^[0-9a-f]{32}$/),
  tenant: name,
  resource: name,
  reservationId: z.string().min(1).max(64),
  slot: slotSchema,
  quantity: z.int().min(1).max(1000),
  issuedAtMs: z.int(),
  notAfterMs: z.int(),
});
export type Command = z.infer<typeof commandSchema>;

export const DECISIONS = ['accepted', 'rejected', 'repeated', 'expired', 'unparseable'] as const;

const offset = z.string().regex(/^-?\d{1,19}$/);

/**
 * Exactly one per command, in command order, in the events partition of the same number (S1). `previousCommandOffset`
 * chains them: a reader sees a gap. State is rebuilt from these, never by deciding again.
 */
export const decisionSchema = z.object({
  v: z.literal(1),
  decision: z.enum(DECISIONS),
  rulesVersion: z.int(),
  commandOffset: offset,
  /** -1 before the first command of the partition. */
  previousCommandOffset: offset,
  /** Running maximum of the broker's timestamps in the commands partition. */
  logTimeMs: z.int(),
  /** Null only for `unparseable`. */
  eventId: z.string().nullable(),
  /** For `repeated`: the reservation of the first decision, if that one accepted. */
  reservation: z
    .object({ id: z.string(), tenant: name, resource: name, slot: slotSchema, quantity: z.int() })
    .nullable(),
  /** Why it was rejected (`full`), or what could not be parsed. */
  reason: z.string().nullable(),
  /** For `repeated`: what the first decision was. */
  first: z
    .object({ commandOffset: offset, decision: z.enum(['accepted', 'rejected', 'expired']) })
    .nullable(),
});
export type Decision = z.infer<typeof decisionSchema>;
export type DecisionKind = Decision['decision'];

/** Header names of our records, in the order they are written. */
export const RECORD_HEADERS = ['uplift-kind', 'uplift-version', 'event-id', 'traceparent'] as const;

export const TOPICS = {
  commands: 'reservations.commands',
  events: 'reservations.events',
  snapshots: 'reservations.snapshots',
} as const;
