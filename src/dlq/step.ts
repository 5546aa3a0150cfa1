import { z } from 'zod';
import { formatCount } from '../core/units.ts';
import type { StepKind } from '../steps/kind.ts';
import type { ReplayPlan } from './plan.ts';
import { findReplays, letterId, lettersOf, type ReplayContext, replayPartition } from './replay-partition.ts';

const argsSchema = z.object({
  /** Fingerprint of the plan, which stands beside the journal. */
  plan: z.string(),
  replayId: z.string(),
  dlq: z.string(),
  target: z.string(),
  partition: z.int(),
  letters: z.int(),
});
type ReplayArgs = z.infer<typeof argsSchema>;

/** Ten thousand letters with a slow broker in between. */
const TIMEOUT_MS = 600_000;

/**
 * Replays the planned letters of one dead letter partition. There is no undo: a record cannot be taken back from a log.
 * A run that was cut off is repeated with the same plan; letters whose replay stands in the target log are not sent again.
 */
export const replayPartitionStep: StepKind<ReplayContext, ReplayArgs> = {
  kind: 'dlq.replayPartition',
  version: 1,
  parse: (args) => argsSchema.parse(args),
  describe: ({ dlq, partition, target, letters }) =>
    `replay ${formatCount(letters)} letters of ${dlq}/${partition} into ${target}`,
  async do({ partition, replayId }, context, { signal }) {
    const { tally } = context;
    const before = { sent: tally.sent, refused: tally.refused.length, already: tally.already.size };
    await replayPartition(context, partition, { replayId, send: true, signal });
    return {
      sent: tally.sent - before.sent,
      already: tally.already.size - before.already,
      refused: tally.refused.slice(before.refused).map(({ offset, reason }) => [String(offset), reason]),
    };
  },
  async verify({ partition }, context, { signal }) {
    const { plan, tally } = context;
    const letters = lettersOf(plan, partition);
    await findReplays(context, letters, signal);
    const refused = new Set(tally.refused.map(letterId));
    const sent = letters.filter((letter) => !refused.has(letterId(letter)));
    const missing = sent.filter((letter) => !tally.found.has(letterId(letter)));
    if (missing.length > 0)
      throw new Error(
        `${missing.length} of ${sent.length} letters were acknowledged and do not stand in ${plan.target.topic}`,
      );
    return {
      standing: sent.length,
      twice: sent.filter((letter) => (tally.found.get(letterId(letter))?.length ?? 0) > 1).length,
      // [dead letter offset, target partition, target offset]: what a reader of the record can look up.
      at: sent.flatMap((letter) =>
        (tally.found.get(letterId(letter)) ?? []).map((replay) => [
          String(letter.offset),
          replay.partition,
          String(replay.offset),
        ]),
      ),
    };
  },
  undo: 'irreversible',
  timeoutMs: TIMEOUT_MS,
};

/** The dead letter partitions a plan takes letters from, ascending. */
export function partitionsOf(plan: ReplayPlan): number[] {
  return [...new Set(plan.letters.map(({ partition }) => partition))].toSorted((a, b) => a - b);
}
