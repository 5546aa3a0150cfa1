import { z } from 'zod';

/** Half-open interval [start, end) of a reservation, ISO 8601 in UTC. */
export const slotSchema = z
  .object({ start: z.iso.datetime(), end: z.iso.datetime() })
  .refine((slot) => Date.parse(slot.start) < Date.parse(slot.end), {
    error: 'slot.start must be before slot.end',
  });
export type Slot = z.infer<typeof slotSchema>;

export const NAME = /^[A-Za-z0-9._:-]+$/;
export const LONGEST_NAME = 128;
/** A tenant or a resource: no slash, which separates the two in a record's key. */
export const nameSchema = z.string().min(1).max(LONGEST_NAME).regex(NAME);
const eventId = z.string().regex(/^[0-9a-f]{32}$/);
const reservationId = z.string().min(1).max(64);
export const quantitySchema = z.int().min(1).max(1000);

/** What every command of a client carries. `notAfterMs` is compared with the log's own time (S8, S9). */
const asked = {
  v: z.literal(1),
  eventId,
  tenant: nameSchema,
  issuedAtMs: z.int(),
  notAfterMs: z.int(),
};

const createSchema = z.object({
  ...asked,
  type: z.literal('create'),
  resource: nameSchema,
  reservationId,
  slot: slotSchema,
  quantity: quantitySchema,
  /** How long it is only held, from its log time on, until it has to be confirmed; null: reserved at once. */
  holdMs: z.int().min(1).nullable().default(null),
});
const confirmSchema = z.object({ ...asked, type: z.literal('confirm'), reservationId });
const changeSchema = z.object({
  ...asked,
  type: z.literal('change'),
  reservationId,
  /** Null: as it is. */
  slot: slotSchema.nullable(),
  quantity: quantitySchema.nullable(),
});
const cancelSchema = z.object({ ...asked, type: z.literal('cancel'), reservationId });
/** The rules of the fold change here, for this partition: an operator writes one into each (S1). */
const rulesSchema = z.object({
  v: z.literal(1),
  type: z.literal('rules'),
  eventId,
  rulesVersion: z.int().min(1),
});
/** The owner's heartbeat: lets log time pass where nobody asks for anything (S8). */
const tickSchema = z.object({ v: z.literal(1), type: z.literal('tick') });

/**
 * A command as it stands in the commands topic. Keys: `tenant/resource` of a create, `tenant/reservation id` of what
 * concerns one that exists; the partition is always given, never computed from the key by a client (S12).
 */
export const commandSchema = z.discriminatedUnion('type', [
  createSchema,
  confirmSchema,
  changeSchema,
  cancelSchema,
  rulesSchema,
  tickSchema,
]);
export type Command = z.infer<typeof commandSchema>;
export type CommandType = Command['type'];
export type CommandOf<T extends CommandType> = Extract<Command, { type: T }>;
/** What a tenant may ask for. */
export type TenantCommand = Exclude<Command, { type: 'rules' | 'tick' }>;

export const COMMAND_TYPES = ['create', 'confirm', 'change', 'cancel', 'rules', 'tick'] as const;
export const DECISIONS = ['accepted', 'rejected', 'repeated', 'expired', 'unparseable'] as const;
export const STATUSES = ['held', 'active', 'cancelled', 'expired'] as const;
export type ReservationStatus = (typeof STATUSES)[number];

/** An offset in JSON, where numbers end at 2^53. */
export const OFFSET = /^-?\d{1,19}$/;
const offset = z.string().regex(OFFSET);

/** A reservation after a decision. `version` counts the decisions that made and changed it, from 1. */
export const reservationStateSchema = z.object({
  id: z.string(),
  tenant: nameSchema,
  resource: nameSchema,
  slot: slotSchema,
  quantity: z.int(),
  status: z.enum(STATUSES),
  version: z.int().min(1),
  /** Log time at which a hold ends; null unless it is held. */
  holdUntilMs: z.int().nullable(),
});
export type ReservationState = z.infer<typeof reservationStateSchema>;

/**
 * One per command, in command order, in the events partition of the same number (S1); a tick yields one only when
 * something expires. `previousCommandOffset` chains them: a reader sees a gap. State is rebuilt from these, never by
 * deciding again.
 */
export const decisionSchema = z.object({
  v: z.literal(1),
  decision: z.enum(DECISIONS),
  /** The rules that hold after it. */
  rulesVersion: z.int(),
  commandOffset: offset,
  /** -1 before the first decided command of the partition. */
  previousCommandOffset: offset,
  /** Running maximum of the broker's timestamps in the commands partition. */
  logTimeMs: z.int(),
  /** Null for `unparseable`, and for a tick. */
  eventId: z.string().nullable(),
  /** Who asked; null when nobody did: `unparseable`, a tick, a change of rules. */
  tenant: nameSchema.nullable(),
  /** As it is after the decision; for `repeated` as it was after the first one. Null when there is none. */
  reservation: reservationStateSchema.nullable(),
  /** Why it was rejected, or what could not be parsed. */
  reason: z.string().nullable(),
  /** For `repeated`: what the first decision was. */
  first: z
    .object({ commandOffset: offset, decision: z.enum(['accepted', 'rejected', 'expired']) })
    .nullable(),
  /** Holds that ended with this tick. */
  expired: z.array(reservationStateSchema).default([]),
});
/** `command`: the type of what it decides, where the event says it (schema 2) or this process decided it itself. */
export type Decision = z.infer<typeof decisionSchema> & { readonly command: CommandType | null };
export type DecisionKind = Decision['decision'];

/** The tenant in the key of a command or an event (`tenant/…`), or null. */
export function tenantOfKey(key: Buffer | null): string | null {
  const slash = key?.indexOf(47) ?? -1;
  return key === null || slash === -1 ? null : key.subarray(0, slash).toString('utf8');
}

/** Reservations that are another after this decision: what a projection has to write. */
export function effectsOf(decision: Decision): readonly ReservationState[] {
  const own = decision.decision === 'accepted' && decision.reservation !== null ? [decision.reservation] : [];
  return [...own, ...decision.expired];
}

/** Header names of our records, in the order they are written. */
export const RECORD_HEADERS = ['uplift-kind', 'uplift-version', 'event-id', 'traceparent'] as const;

export const TOPICS = {
  commands: 'reservations.commands',
  events: 'reservations.events',
  snapshots: 'reservations.snapshots',
} as const;
