import { z } from 'zod';
import { duration } from '../config/duration.ts';
import { secret } from '../config/regions.ts';
import { defineSection } from '../config/section.ts';
import { WEEKDAYS } from './limits/window.ts';

const time = (pattern: RegExp, error: string) => z.string({ error }).regex(pattern, { error });
const DATE = /^\d{4}-\d{2}-\d{2}$/;

/** A date that there is, or first and last of a span. */
function isSpan(text: string): boolean {
  const [first = '', last = first, ...more] = text.split('..');
  const isDate = (date: string): boolean =>
    DATE.test(date) && new Date(`${date}T00:00:00Z`).toJSON()?.startsWith(date) === true;
  return more.length === 0 && isDate(first) && isDate(last) && first <= last;
}

function isTimeZone(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

const windowSchema = z
  .strictObject({
    days: z
      .array(z.enum(WEEKDAYS))
      .min(1)
      .describe('Days on which it opens: mon, tue, wed, thu, fri, sat, sun.'),
    from: time(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time such as "09:00"').describe(
      'First minute that is inside, HH:MM.',
    ),
    to: time(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, 'must be a time such as "16:00"').describe(
      'First minute that is outside, HH:MM, up to 24:00; before `from`: on the next day.',
    ),
    timeZone: z
      .string()
      .refine(isTimeZone, { error: 'must be a time zone such as Europe/Berlin or UTC' })
      .describe('Whose wall clock counts, also when the clocks change: an IANA name.'),
    blocked: z
      .array(
        z
          .string()
          .refine(isSpan, { error: 'must be a date such as "2026-11-27", or two: "2026-12-20..2027-01-06"' }),
      )
      .default([])
      .describe('Dates on which no drill runs, one by one or as first..last.'),
  })
  .refine(({ from, to }) => from !== to, { error: 'must not end when it begins', path: ['to'] });

const errorBudgetSchema = z.strictObject({
  url: z
    .url({ protocol: /^https?$/, error: 'must be a URL with http or https' })
    .refine((url) => URL.canParse(url) && new URL(url).username === '' && new URL(url).password === '', {
      error: 'must hold no user and no password; `token` names a secret',
    })
    .describe('Prometheus, or what speaks its HTTP API; what stands before /api/v1.'),
  query: z
    .string()
    .min(1)
    .describe('PromQL; one number: the share of the error budget that is left, at most 1.'),
  min: z.number().gt(0).max(1).describe('The least that has to be left for a drill to begin.'),
  token: secret.optional().describe('Sent as a bearer token.'),
  timeout: duration.prefault('5s').describe('For the answer.'),
});

const drillsSchema = z.strictObject({
  journalDir: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Folder that keeps the runs and the stop switch, for example on shared storage; it has to be there. Absent: the state folder.',
    ),
  inProduction: z
    .boolean()
    .default(false)
    .describe('Drills are off in an environment with `production: true` until this says otherwise.'),
  maxFault: duration
    .prefault('5m')
    .describe('Longest from the fault to the beginning of the restore, whatever was observed by then.'),
  maxDuration: duration
    .prefault('2h')
    .describe('Longest that a whole drill may take if everything in it takes as long as it may.'),
  maxShare: z
    .number()
    .gt(0)
    .max(1)
    .default(0.5)
    .describe('Largest share of a fleet (brokers, servers, shards) that a drill may hit.'),
  abortErrorRate: z
    .number()
    .gt(0)
    .max(1)
    .default(0.5)
    .describe('A drill ends at once when a larger share of the operations fails …'),
  abortAfter: duration.prefault('10s').describe('… for so long.'),
  window: windowSchema.optional().describe('When drills may run; absent: always.'),
  errorBudget: errorBudgetSchema
    .optional()
    .describe('Asked before a drill begins; without a number that is high enough it does not.'),
  signingKey: secret
    .optional()
    .describe(
      'Ed25519 key (PKCS#8 PEM) that signs records; absent: a key of its own, made in the state folder.',
    ),
});

/** Bounds of every drill; durations in ms, shares 0 … 1. */
export type DrillsConfig = z.output<typeof drillsSchema>;

/** `drills:` of uplift.yaml. */
export const drillsSection = defineSection({
  key: 'drills',
  schema: drillsSchema.prefault({}),
  describe: 'Bounds that every drill keeps.',
});
