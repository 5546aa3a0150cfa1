import { z } from 'zod';
import { duration } from '../config/duration.ts';
import { secret } from '../config/regions.ts';
import { defineSection } from '../config/section.ts';

const drillsSchema = z.strictObject({
  maxFault: duration
    .prefault('5m')
    .describe('Longest from the fault to the beginning of the restore, whatever was observed by then.'),
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
