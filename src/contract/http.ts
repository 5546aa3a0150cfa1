import { z } from 'zod';
import { DECISIONS, nameSchema, quantitySchema, STATUSES, slotSchema } from './records.ts';

/** `POST /v1/reservations`, with headers `idempotency-key` and `x-tenant-id`. */
export const createReservationSchema = z.object({
  resource: nameSchema,
  slot: slotSchema,
  quantity: quantitySchema,
});
export type CreateReservation = z.infer<typeof createReservationSchema>;

export const tenantHeader = 'x-tenant-id';
export const idempotencyHeader = 'idempotency-key';

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
} as const;

/**
 * `GET /v1/monitoring/reservations/projection`, answered by a projector for its partitions. `lagSeconds` is the age of the
 * oldest event that is not applied, 0 when there is none; `lagIsExact: false`: it is at most so old.
 */
export const projectionStatusSchema = z.object({
  lagRecords: z.int().min(0),
  lagSeconds: z.number().min(0),
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
