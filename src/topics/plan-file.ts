import { z } from 'zod';
import { readPlanFile, writePlanFile } from '../record/plan-file.ts';
import type { TopicsPlan } from './plan.ts';

const origin = z.string();
const changeSchema = z.discriminatedUnion('action', [
  z.object({
    action: z.literal('create'),
    spec: z.object({
      name: z.string(),
      assignment: z.array(z.array(z.int())),
      configs: z.record(z.string(), z.string()),
    }),
    origin,
  }),
  z.object({ action: z.literal('equal'), name: z.string(), origin }),
  z.object({
    action: z.literal('differs'),
    name: z.string(),
    origin,
    differences: z.array(z.object({ what: z.string(), is: z.string(), shouldBe: z.string() })),
  }),
  z.object({ action: z.literal('impossible'), name: z.string(), origin, reason: z.string() }),
]);

const planSchema = z.object({
  formatVersion: z.literal(1),
  region: z.string(),
  clusterId: z.string(),
  fingerprint: z.string(),
  changes: z.array(changeSchema),
  unmanaged: z.array(z.string()),
  load: z.array(z.object({ broker: z.int(), rack: z.string().nullable(), before: z.int(), after: z.int() })),
});

/** Reads a saved plan; anything but a plan of this format version is UPL-INPUT-INVALID (65). */
export function readPlan(file: string): Promise<TopicsPlan> {
  return readPlanFile({
    file,
    what: 'a topics plan of format version 1',
    next: `uplift topics plan --out ${file}`,
    parse: (value) => planSchema.parse(value),
  });
}

/** Saves a plan; an existing file is never overwritten. */
export function writePlan(file: string, plan: TopicsPlan): Promise<void> {
  return writePlanFile(file, JSON.stringify(plan, null, 2), (free) => `uplift topics plan --out ${free}`);
}
