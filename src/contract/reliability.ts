import { z } from 'zod';

const instant = z.iso.datetime();
const count = z.int().min(0);
const ageMs = z.number().min(0);

/** What was asked and answered, and when; or when it was asked for in vain, and why. No data is never good news. */
function fact<S extends z.ZodRawShape>(shape: S) {
  return z.discriminatedUnion('state', [
    z.object({ state: z.literal('known'), observedAt: instant, ...shape }),
    z.object({ state: z.literal('unknown'), observedAt: instant, reason: z.string() }),
  ]);
}

export const VERDICTS = ['ok', 'attention', 'unknown'] as const;
const verdict = z.enum(VERDICTS);
export type Verdict = z.infer<typeof verdict>;

export const idempotencySchema = fact({
  /** Gateways that were heard from lately, by where they claim idempotency keys now. */
  gateways: z.object({ redis: count, postgres: count, nowhere: count, notAsked: count }),
  /** Attempts under way in those gateways. */
  running: count,
  oldestRunningMs: ageMs.nullable(),
  /** Claims that Postgres holds from a time without Redis; what Redis holds is not counted. */
  heldInPostgres: z.object({
    running: count,
    finished: count,
    released: count,
    /** There were more than are counted at once. */
    isAtLeast: z.boolean(),
  }),
  /** Keys that two stores granted, by all processes of the last week. */
  crossed: count,
  lastCrossedAt: instant.nullable(),
});

export const unknownOutcomesSchema = fact({
  waiting: count,
  /** Of those: due now; and in the log, so that only their decision is waited for. */
  due: count,
  inLog: count,
  oldestWaitingSince: instant.nullable(),
  /** How long ago the longest due one should have been taken. */
  longestOverdueMs: ageMs.nullable(),
  /** When the next one that is not due yet will be: the backoff of the sweeper. */
  nextDueAt: instant.nullable(),
  mostAttempts: count,
  /** Within a day, and not decided since. */
  givenUp: count,
  givenUpBy: z.array(z.object({ reason: z.string(), count })),
  /** Waiting or given up, and the time to send them again is not over. */
  retryable: count,
  /** Commands that no store took when their outcome was unknown, by all gateways of the last week. */
  notKept: count.nullable(),
  lastNotKeptAt: instant.nullable(),
  /** The oldest, at most 20. No tenants, no payloads. */
  operations: z.array(
    z.object({
      operationId: z.string(),
      standing: z.enum(['waiting', 'givenUp']),
      inLog: z.boolean(),
      attempts: count,
      keptAt: instant,
      retryUntil: instant,
      givenUpFor: z.string().nullable(),
    }),
  ),
});

export const sweeperSchema = fact({
  instances: z.array(
    z.object({
      instance: z.string(),
      startedAt: instant,
      heardAt: instant,
      standing: z.enum(['working', 'notReady', 'hangs', 'silent']),
      notReady: z.string().nullable(),
      /** End of the last round, whether or not anything was due. */
      sweptAt: instant.nullable(),
      /** The last round in which anything was due. */
      lastWork: z
        .object({ at: instant, taken: count, decided: count, sent: count, failed: count, givenUp: count })
        .nullable(),
    }),
  ),
  /** Any number work side by side; there is no leader. */
  working: count,
});

export const parkedSchema = fact({
  parked: count,
  byReason: z.array(z.object({ reason: z.string(), count, oldestAt: instant })),
  oldestAt: instant.nullable(),
  /** Reservations with events that wait behind an earlier one that is parked. */
  reservationsBehind: count,
});

export const positionsSchema = fact({
  partitions: count,
  /** Of those: with a projector that was heard from lately; and those that it stopped, with a finding. */
  covered: count,
  stopped: count,
  /** Over all partitions, by what projectors say; null unless every partition has one, `lagSeconds` also if one cannot tell. */
  lagRecords: count.nullable(),
  lagSeconds: z.number().min(0).nullable(),
  /** When an event was applied last, and the log time of the newest applied decision: a quiet log looks like a dead projector. */
  movedAt: instant.nullable(),
  decidedThroughAt: instant.nullable(),
});

/** What each fact is called, in reasons and in metrics; in the order they are told in. */
export const ABOUT = ['unknownOutcomes', 'sweeper', 'deadLetters', 'idempotency', 'projection'] as const;
export type About = (typeof ABOUT)[number];

/**
 * `GET /v1/reliability/status`, for operators, over all tenants: counts and ids of operations, nothing else of anybody.
 * Always 200 when it was answered at all: what could not be asked is a fact `unknown`, and then so is the verdict, unless
 * something that is known needs attention.
 */
export const reliabilityStatusSchema = z.object({
  at: instant,
  region: z.string(),
  answeredBy: z.string(),
  verdict,
  reasons: z.array(z.object({ about: z.enum(ABOUT), verdict, says: z.string() })),
  idempotency: idempotencySchema,
  unknownOutcomes: unknownOutcomesSchema,
  sweeper: sweeperSchema,
  deadLetters: parkedSchema,
  projection: positionsSchema,
});
export type ReliabilityStatus = z.infer<typeof reliabilityStatusSchema>;
export type Known<K extends About> = Extract<ReliabilityStatus[K], { state: 'known' }>;

const refusal = z.object({ operationId: z.string(), reason: z.string() });

/** `GET /v1/reliability/retry`: what a retry would do. Nothing is done before its token comes back. */
export const retryPlanSchema = z.object({
  token: z.string(),
  expiresAt: instant,
  retries: z.array(
    z.object({ operationId: z.string(), does: z.enum(['look', 'sendAgain']), attempts: count }),
  ),
  refused: z.array(refusal),
  /** There are more than one confirmation holds. */
  more: z.boolean(),
});
export type RetryPlanAnswer = z.infer<typeof retryPlanSchema>;

export const retryRequestSchema = z.object({ token: z.string().regex(/^[0-9a-f]{32}$/) });

/** `POST /v1/reliability/retry`: what was done; the same answer to the same token, however often it is sent. */
export const retryResultSchema = z.object({
  doneAt: instant,
  /** Due now, under their own event ids: the next round of a sweeper takes them. */
  due: z.array(z.object({ operationId: z.string(), does: z.enum(['look', 'sendAgain']) })),
  refused: z.array(refusal),
});
export type RetryResult = z.infer<typeof retryResultSchema>;
