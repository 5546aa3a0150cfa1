import { z } from 'zod';

/*
 * What a process says of itself every few seconds, in Postgres, so that whoever asks need not find and reach it. Times are
 * ages at the moment of the report: no two clocks are compared.
 */

const count = z.int().min(0);
const age = z.number().min(0).nullable();

export const gatewayReportSchema = z.object({
  /** Where idempotency keys are claimed now. */
  claims: z.enum(['redis', 'postgres', 'nowhere', 'notAsked']),
  running: count,
  oldestRunningMs: age,
  crossed: count,
  crossedAgoMs: age,
  notKept: count,
  notKeptAgoMs: age,
});
export type GatewayReport = z.infer<typeof gatewayReportSchema>;

export const sweeperReportSchema = z.object({
  sweptAgoMs: age,
  lastWork: z
    .object({
      agoMs: z.number().min(0),
      taken: count,
      decided: count,
      sent: count,
      failed: count,
      givenUp: count,
    })
    .nullable(),
});
export type SweeperReport = z.infer<typeof sweeperReportSchema>;

export const projectorReportSchema = z.object({
  /** Those it projects now, the stopped ones among them. */
  partitions: count,
  stopped: count,
  lagRecords: count,
  /** Null: nobody can tell how old what waits is. */
  lagMs: age,
});
export type ProjectorReport = z.infer<typeof projectorReportSchema>;

export type Role = 'gateway' | 'sweeper' | 'projector';

/** A round of a sweeper waits for one send of each entry; one that takes longer hangs. */
export const ROUND_LIMIT_MS = 30_000;

/** How often a process reports, and how long a silent one still counts as heard. */
export const REPORT_MS = 5000;
export const HEARD_MS = 3 * REPORT_MS;
