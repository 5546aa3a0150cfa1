import { z } from 'zod';
import { duration } from '../config/duration.ts';
import { defineSection } from '../config/section.ts';

const limitsSchema = z.strictObject({
  projectionFreshness: duration
    .prefault('5s')
    .describe('The projection must pass the ends seen at the start within this time.'),
  replicaLag: duration.prefault('30s').describe('Longest a Postgres replica may be behind.'),
  rebuildWindow: duration
    .prefault('7d')
    .describe('Events must be kept for longer than this: the projection is built anew from them.'),
  recovery: duration.prefault('30s').describe('Target of a drill: back inside SLO within this time.'),
  requestTimeout: duration.prefault('5s').describe('Longest uplift waits for one answer of a server.'),
});

/** Limits that checks and drills hold the platform to, in ms; every one has a default. */
export type Limits = z.output<typeof limitsSchema>;

/** `limits:` of uplift.yaml. */
export const limitsSection = defineSection({
  key: 'limits',
  schema: limitsSchema.prefault({}),
  describe: 'Limits that checks and drills hold the platform to.',
});
