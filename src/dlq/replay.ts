import { EXIT, type ExitCode } from '../core/exit.ts';
import type { Json } from '../core/step.ts';
import type { AskPostgres } from '../facts/ask-postgres.ts';
import type { Journal } from '../record/journal.ts';
import { runSteps, type StepEvent } from '../steps/engine.ts';
import { stepOf, stepRegistry } from '../steps/kind.ts';
import type { RefusedLetter } from './plan.ts';
import { proveReplay, type ReplayProof } from './proof.ts';
import { countEnds, type EndCounts, type ReplayEnd } from './proof-judge.ts';
import { letterId, lettersOf, type ReplayContext } from './replay-partition.ts';
import { partitionsOf, replayPartitionStep } from './step.ts';

/** What a replay did and what became of it. */
export interface ReplayResult {
  readonly replayId: string;
  readonly plan: string;
  readonly region: string;
  readonly dlq: string;
  readonly target: string;
  readonly planned: number;
  /** Sent by this run. */
  readonly replayed: number;
  /** Their replay stood in the target log already: another run of this plan, or another replay since. */
  readonly already: number;
  /** Not what was reviewed, or gone. */
  readonly refused: readonly RefusedLetter[];
  /** Letters whose replay stands more than once in the target log: a send whose first answer was lost. */
  readonly repeated: number;
  readonly counts: EndCounts;
  /** Everything that did not end as applied. */
  readonly others: readonly ReplayEnd[];
  /** Why the proof is not whole; null when everything was looked at. */
  readonly open: string | null;
}

export interface ReplayOptions {
  readonly replayId: string;
  readonly context: ReplayContext;
  readonly journal: Pick<Journal, 'append'>;
  readonly ask: AskPostgres | undefined;
  /** How long to wait for the projection. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onEvent: (event: StepEvent) => void;
}

/** Sends what the plan holds, one journaled step a dead letter partition, then looks what became of it. */
export async function runReplay(options: ReplayOptions): Promise<ReplayResult> {
  const { context, journal, replayId, signal } = options;
  const { plan, tally } = context;
  await runSteps<ReplayContext>({
    registry: stepRegistry<ReplayContext>([replayPartitionStep]),
    journal,
    context,
    signal,
    onEvent: options.onEvent,
    steps: partitionsOf(plan).map((partition) =>
      stepOf(replayPartitionStep, {
        plan: plan.fingerprint,
        replayId,
        dlq: plan.dlq.topic,
        target: plan.target.topic,
        partition,
        letters: lettersOf(plan, partition).length,
      }),
    ),
  });
  const refused = new Set(tally.refused.map(letterId));
  const letters = plan.letters
    .filter((letter) => !refused.has(letterId(letter)))
    .map((letter) => ({ letter, replays: tally.found.get(letterId(letter)) ?? [] }));
  const proof = await proveReplay({
    plan,
    letters,
    read: context.read,
    ask: options.ask,
    timeoutMs: options.timeoutMs,
    requestTimeoutMs: context.requestTimeoutMs,
    readTimeoutMs: context.readTimeoutMs,
    signal,
  });
  const result = resultOf(options, proof);
  await journal.append('dlq.result', { ...result, ...bounded(result) } as unknown as Json);
  return result;
}

function resultOf({ context, replayId }: ReplayOptions, proof: ReplayProof): ReplayResult {
  const { plan, tally } = context;
  return {
    replayId,
    plan: plan.fingerprint,
    region: plan.region,
    dlq: plan.dlq.topic,
    target: plan.target.topic,
    planned: plan.letters.length,
    replayed: tally.sent,
    already: tally.already.size,
    refused: tally.refused,
    repeated: [...tally.found.values()].filter((replays) => replays.length > 1).length,
    counts: countEnds(proof.ends),
    others: proof.ends.filter(({ end }) => end !== 'applied'),
    open: proof.open,
  };
}

const MAX_JOURNALED = 2_000;

/** A journal line has a limit: the steps' own lines hold every position, this one the first of each list. */
function bounded(result: ReplayResult): { readonly refused: Json; readonly others: Json } {
  return {
    refused: result.refused.slice(0, MAX_JOURNALED).map((one) => ({ ...one, offset: String(one.offset) })),
    others: result.others.slice(0, MAX_JOURNALED).map((one) => ({ ...one, offset: String(one.offset) })),
  };
}

/** 10: something failed again, was refused or had two effects; 12: something was not seen; else 0. */
export function exitOfReplay({ counts, refused, open }: ReplayResult): ExitCode {
  if (counts.back + counts.twice + refused.length > 0) return EXIT.fail;
  return counts.notSeen > 0 || open !== null ? EXIT.inconclusive : EXIT.ok;
}
