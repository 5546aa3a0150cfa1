import { z } from 'zod';
import { DECISIONS, nameSchema, quantitySchema, STATUSES, slotSchema } from './records.ts';
import { LONGEST_HOLD_MS } from './rules.ts';

/** Hold of a reservation, in whole seconds: the rules may allow less, which the decision says. */
const LONGEST_HOLD_S = LONGEST_HOLD_MS / 1000;
/** Postgres rounds to microseconds: a slot that ends with year 9999 could be read back as one of year 10000. */
const LAST_INSTANT_MS = Date.UTC(9999, 0, 1);

/** `2026-06-01T10:00:00.123456789Z`. Postgres refuses what is much longer, and a time of kilobytes would be kept as one. */
const LONGEST_INSTANT = 30;

const askedSlotSchema = slotSchema
  .refine(({ start, end }) => Math.max(start.length, end.length) <= LONGEST_INSTANT, {
    error: 'slot: times have nine decimals of a second at most',
  })
  .refine((slot) => Date.parse(slot.end) < LAST_INSTANT_MS, {
    error: 'slot.end must be before the year 9999',
  });

/** `POST /v1/reservations`, with headers `idempotency-key` and `x-tenant-id`. */
export const createReservationSchema = z
  .object({
    resource: nameSchema,
    slot: askedSlotSchema,
    quantity: quantitySchema,
    /** Only held: it has to be confirmed before the hold ends. */
    hold: z.boolean().optional(),
    /** Without it the gateway's default. */
    holdSeconds: z.int().min(1).max(LONGEST_HOLD_S).optional(),
  })
  .refine(({ hold, holdSeconds }) => hold === true || holdSeconds === undefined, {
    error: 'holdSeconds needs hold: true',
  });
export type CreateReservation = z.infer<typeof createReservationSchema>;

/** `PATCH /v1/reservations/:id`: what is left out stays. `resource` may be named, but not be another one (S7). */
export const changeReservationSchema = z
  .object({
    resource: nameSchema.optional(),
    slot: askedSlotSchema.optional(),
    quantity: quantitySchema.optional(),
  })
  .refine(({ slot, quantity }) => slot !== undefined || quantity !== undefined, {
    error: 'slot or quantity is needed',
  });
export type ChangeReservation = z.infer<typeof changeReservationSchema>;

export const tenantHeader = 'x-tenant-id';
export const idempotencyHeader = 'idempotency-key';
/** With a token from an answer: the read shows at least the effect of that operation (S10). */
export const consistencyHeader = 'x-consistency-token';

/** `202`: the command stands in Kafka on all in-sync replicas. `Location` is the operation. */
export const acknowledgedSchema = z.object({
  operationId: z.string(),
  /** See Token; opaque to clients. */
  token: z.string(),
});
export type Acknowledged = z.infer<typeof acknowledgedSchema>;

/** `GET /v1/operations/:id`: 200 with the decision, 404 while the projection has not decided it. */
export const operationSchema = z.object({
  operationId: z.string(),
  decision: z.enum(DECISIONS),
  reservationId: z.string().nullable(),
  reason: z.string().nullable(),
  commandPartition: z.int(),
  commandOffset: z.string(),
});
export type Operation = z.infer<typeof operationSchema>;

/** `GET /v1/reservations/:id`. */
export const reservationSchema = z.object({
  reservationId: z.string(),
  tenant: z.string(),
  resource: z.string(),
  slot: slotSchema,
  quantity: z.int(),
  status: z.enum(STATUSES),
  /** When a hold ends, by the time of the log; null unless it is held. */
  holdUntil: z.iso.datetime().nullable().default(null),
  /** Counts the decisions that made and changed it. */
  version: z.int().min(1).default(1),
  operationId: z.string(),
});
export type Reservation = z.infer<typeof reservationSchema>;

/** `Prefer: wait=N`: 201 (create) or 200, once it is decided. `reservation` as it is now; null: put aside, see dead letters. */
export const decidedSchema = z.object({
  ...acknowledgedSchema.shape,
  reservation: reservationSchema.nullable(),
});
export type Decided = z.infer<typeof decidedSchema>;

/** Entries of a list in one answer. */
export const LONGEST_PAGE = 100;

/** A time a list can be asked for. */
export const instantSchema = z.iso
  .datetime()
  .max(LONGEST_INSTANT)
  .refine((text) => Date.parse(text) >= 0 && Date.parse(text) < LAST_INSTANT_MS, {
    error: 'must be between 1970 and the year 9999',
  });
const limitSchema = z
  .string()
  .regex(/^\d{1,3}$/)
  .refine((text) => Number(text) >= 1 && Number(text) <= LONGEST_PAGE, {
    error: `must be a number from 1 to ${LONGEST_PAGE}`,
  });

/** `GET /v1/reservations`: of the tenant, oldest first. `cursor` is `next` of the page before. */
export const tenantListQuerySchema = z.object({
  cursor: z.string().min(1).max(512).optional(),
  limit: limitSchema.optional(),
});

/** `GET /v1/resources/:resource/reservations`: those whose slot starts in [from, to), in that order. */
export const resourceListQuerySchema = z.object({
  ...tenantListQuerySchema.shape,
  from: instantSchema.optional(),
  to: instantSchema.optional(),
});

export const reservationListSchema = z.object({
  reservations: z.array(reservationSchema),
  /** Cursor of the next page; null: this was the last one. */
  next: z.string().nullable(),
});
export type ReservationList = z.infer<typeof reservationListSchema>;

/** RFC 9457 problem. `operation` is set when the outcome is unknown and can be asked for later. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  operation: z.string().optional(),
});
export type Problem = z.infer<typeof problemSchema>;

/** Problem types, as `type` URIs: clients branch on these, never on titles. */
export const PROBLEMS = {
  invalid: 'urn:uplift:problem:invalid-request',
  keyMissing: 'urn:uplift:problem:idempotency-key-missing',
  /** An earlier request with this key has not ended; `Retry-After` says when to ask again. */
  keyRunning: 'urn:uplift:problem:idempotency-key-running',
  keyReused: 'urn:uplift:problem:idempotency-key-reused',
  notFound: 'urn:uplift:problem:not-found',
  notReady: 'urn:uplift:problem:not-ready',
  outcomeUnknown: 'urn:uplift:problem:outcome-unknown',
  overloaded: 'urn:uplift:problem:overloaded',
  rateLimited: 'urn:uplift:problem:rate-limited',
  /** The reservation belongs to another resource than the request names. */
  otherResource: 'urn:uplift:problem:other-resource',
  /** The token is of another region, or of a topic that is no more. */
  tokenForeign: 'urn:uplift:problem:token-foreign',
  /** The projection has not got to the token yet. */
  behind: 'urn:uplift:problem:projection-behind',
  // What the fold answers, to those who waited for it.
  full: 'urn:uplift:problem:full',
  holdEnded: 'urn:uplift:problem:hold-ended',
  notHeld: 'urn:uplift:problem:not-held',
  idTaken: 'urn:uplift:problem:reservation-id-taken',
  expired: 'urn:uplift:problem:command-expired',
  past: 'urn:uplift:problem:slot-past',
  tooLarge: 'urn:uplift:problem:quantity-too-large',
  holdTooLong: 'urn:uplift:problem:hold-too-long',
  /** A reason that this gateway does not know: the commands role is newer. */
  rejected: 'urn:uplift:problem:rejected',
} as const;

/**
 * `GET /v1/monitoring/reservations/projection`, answered by a projector for its partitions. `lagSeconds` is the age of the
 * oldest event that is not applied, 0 when there is none, null when nothing tells it; `lagIsExact: false`: it is at most so
 * old.
 */
export const projectionStatusSchema = z.object({
  lagRecords: z.int().min(0),
  lagSeconds: z.number().min(0).nullable(),
  lagIsExact: z.boolean(),
  /** Over the last minute. */
  appliedPerSecond: z.number().min(0),
  /** Until nothing is left at the pace of the last minute; null: it does not catch up, or it is too early to tell. */
  etaSeconds: z.number().min(0).nullable(),
  lastError: z.object({ at: z.iso.datetime(), reason: z.string() }).nullable(),
  stopped: z.array(z.object({ partition: z.int(), reason: z.string() })),
  partitions: z.array(
    z.object({
      partition: z.int(),
      /** First event that is not applied. */
      appliedOffset: z.string(),
      endOffset: z.string(),
      lagRecords: z.int().min(0),
      /** Last command whose decision is applied. */
      decidedThrough: z.string(),
    }),
  ),
});
export type ProjectionStatus = z.infer<typeof projectionStatusSchema>;

/** `/readyz`: 200 when every probe is ok, else 503, same body. */
export const readyzSchema = z.object({
  ready: z.boolean(),
  role: z.string(),
  instance: z.string(),
  probes: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string(), ageMs: z.number() })),
});
export type Readyz = z.infer<typeof readyzSchema>;
