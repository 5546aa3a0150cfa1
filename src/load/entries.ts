import { z } from 'zod';
import { type LoadVerb, VERBS } from './stories.ts';

/**
 * The lines of a history. All times are µs since the load's start on one monotonic clock; the header ties that start to
 * the wall clock and to the machine's own monotonic clock. An operation is one event id; each attempt at it is its own
 * entry pair (`invoke`, then `ok | fail | info`) with its own number.
 */
const us = z.int();

export const headerSchema = z.object({
  t: z.literal('header'),
  v: z.literal(1),
  runId: z.string(),
  tenant: z.string(),
  /** Wall clock at µs 0, ms since the epoch. */
  wallMs: z.int(),
  /** The machine's monotonic clock at µs 0, ns: comparable with every journal written since the same boot. */
  monoNs: z.string().regex(/^\d+$/),
  ratePerS: z.number(),
  partitions: z.int(),
  seed: z.int(),
  gateways: z.array(z.object({ id: z.string(), url: z.string() })),
});
export type HistoryHeader = z.infer<typeof headerSchema>;

const invokeSchema = z.object({
  t: z.literal('invoke'),
  op: z.int(),
  /** Idempotency key. */
  key: z.string(),
  event: z.string(),
  /** What it asks for; histories from before there was a choice do not say. */
  verb: z.enum(VERBS).default('create'),
  /** Id of the reservation it is about; null for what makes one. */
  reservation: z.string().nullable().default(null),
  resource: z.string(),
  partition: z.int(),
  /** Slot as [start, end) in ms since the epoch; null where none is asked for. */
  slot: z.tuple([z.int(), z.int()]).nullable(),
  quantity: z.int().nullable(),
  /** 1 for the first sending; a retry repeats the key and counts on. */
  attempt: z.int(),
  gateway: z.string(),
  /** When the schedule wanted it sent. */
  dueUs: us,
  sentUs: us,
});
export type InvokeEntry = z.infer<typeof invokeSchema>;

const completionSchema = z.object({
  /** ok = 202 with our operation id; fail = certainly no effect of this attempt; info = may have had its effect. */
  t: z.enum(['ok', 'fail', 'info']),
  op: z.int(),
  atUs: us,
  status: z.int().nullable(),
  token: z.string().nullable(),
  reason: z.string().nullable(),
});
export type CompletionEntry = z.infer<typeof completionSchema>;

const readSchema = z.object({
  t: z.literal('read'),
  event: z.string(),
  what: z.enum(['operation', 'reservation']),
  gateway: z.string(),
  sentUs: us,
  atUs: us,
  /** A decision, `found` (a reservation), `notFound`, or `noAnswer`: an error says nothing about what is there. */
  seen: z.string(),
});
export type ReadEntry = z.infer<typeof readSchema>;

export const countsSchema = z.object({
  invoke: z.int(),
  ok: z.int(),
  fail: z.int(),
  info: z.int(),
  read: z.int(),
});
export type HistoryCounts = z.infer<typeof countsSchema>;

const endSchema = z.object({
  t: z.literal('end'),
  atUs: us,
  counts: countsSchema,
  /** SHA-256 of every byte before this line. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type EndEntry = z.infer<typeof endSchema>;

export type HistoryEntry = InvokeEntry | CompletionEntry | ReadEntry;
export const lineSchema = z.discriminatedUnion('t', [
  invokeSchema,
  completionSchema,
  readSchema,
  headerSchema,
  endSchema,
]);
export type HistoryLine = z.infer<typeof lineSchema>;

/** One attempt, as the checker sees it: invocation and completion joined. `open`: the history ends before its completion. */
export interface Op {
  readonly op: number;
  readonly eventId: string;
  readonly verb: LoadVerb;
  /** Id of the reservation it is about; null for what makes one. */
  readonly reservation: string | null;
  readonly resource: string;
  readonly partition: number;
  readonly attempt: number;
  readonly gateway: string;
  readonly dueUs: number;
  readonly sentUs: number;
  readonly outcome: 'ok' | 'fail' | 'info' | 'open';
  readonly doneUs: number | null;
  readonly token: string | null;
  readonly reason: string | null;
}
