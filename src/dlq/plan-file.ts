import { z } from 'zod';
import { readPlanFile, writePlanFile } from '../record/plan-file.ts';
import { fingerprintOf, MAX_PLANNED_LETTERS, planText, type ReplayPlan } from './plan.ts';

const offset = z
  .string()
  .regex(/^\d{1,19}$/)
  .transform((text) => BigInt(text));
const partition = z.int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const bounds = z.array(z.strictObject({ partition, startOffset: offset, endOffset: offset }));

const planSchema = z.strictObject({
  formatVersion: z.literal(1),
  region: z.string(),
  clusterId: z.string(),
  madeAtMs: z.number(),
  dlq: z.strictObject({ topic: z.string(), topicId: z.string(), bounds }),
  target: z.strictObject({ topic: z.string(), topicId: z.string(), maxMessageBytes: z.int(), bounds }),
  partitionPolicy: z.literal('same'),
  letters: z
    .array(
      z.strictObject({
        partition,
        offset,
        sha256,
        bytes: z.int(),
        origin: z.strictObject({ partition, offset, timestampMs: z.number() }),
        attempt: z.int(),
        errorCode: z.string(),
        replayedBefore: z.enum(['no', 'cannot tell']),
      }),
    )
    .max(MAX_PLANNED_LETTERS),
  refused: z.array(z.strictObject({ partition, offset, reason: z.string() })),
  replayedBefore: z.int(),
  copies: z.int(),
  leftOut: z.int(),
  unreadRecords: offset,
  keysWithNewerEvents: z.int(),
  expiringSoon: z.int(),
  fingerprint: sha256,
});

/**
 * Reads a saved plan. UPL-INPUT-INVALID (65) for anything but a replay plan of this format version, and for one that was
 * changed after it was made: what is sent is what was reviewed.
 */
export function readReplayPlan(file: string): Promise<ReplayPlan> {
  return readPlanFile({
    file,
    what: 'a replay plan of format version 1',
    next: 'uplift dlq plan <topic> --out <file>',
    parse: (value) => {
      const plan = planSchema.parse(value);
      if (fingerprintOf(plan) !== plan.fingerprint)
        throw new Error('it was changed after it was made (its fingerprint differs)');
      return plan;
    },
  });
}

/** Saves a plan; an existing file is never overwritten. */
export function writeReplayPlan(file: string, plan: ReplayPlan): Promise<void> {
  return writePlanFile(file, planText(plan), (free) => `uplift dlq plan ${plan.dlq.topic} --out ${free}`);
}
