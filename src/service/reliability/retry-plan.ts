import { SWEEP_RULES, type SweepRules } from '../sweeper/plan.ts';

/** An entry of unknown outcome as a retry sees it. */
export interface Candidate {
  readonly tenant: string;
  readonly operationId: string;
  /** Number of the entry: newer bytes of the same operation are another one. */
  readonly entry: bigint;
  readonly standing: 'waiting' | 'givenUp' | 'decided';
  readonly inLog: boolean;
  readonly isDue: boolean;
  readonly attempts: number;
  readonly notAfterMs: number;
  readonly givenUpFor: string | null;
}

/** `look`: it stands in the log, so only its decision is looked for. `sendAgain`: the same bytes, the same event id. */
export type Does = 'look' | 'sendAgain';

export type Judgement =
  | { readonly kind: 'retry'; readonly does: Does }
  | { readonly kind: 'refuse'; readonly reason: string };

const refuse = (reason: string): Judgement => ({ kind: 'refuse', reason });

/**
 * Whether a retry may make an entry due now. Pure. Refused is what could only be decided `expired` (S9), what would be
 * given up again at once, and what is settled or due already.
 */
export function judgeRetry(entry: Candidate, nowMs: number, rules: SweepRules = SWEEP_RULES): Judgement {
  if (entry.standing === 'decided') return refuse('it is decided: there is nothing left to do');
  if (entry.givenUpFor === 'unknown-topic-replaced')
    return refuse('the topic it was sent to was made anew: its client sends it again under its key');
  if (entry.standing === 'waiting' && entry.isDue)
    return refuse('it is due already: the next round of a sweeper takes it');
  if (entry.standing === 'waiting' && entry.inLog) return { kind: 'retry', does: 'look' };
  if (entry.notAfterMs - rules.marginMs - nowMs < rules.leastProduceMs)
    return refuse(
      'its time is over: sent now it would only be decided expired; its client sends it again under its key',
    );
  return { kind: 'retry', does: 'sendAgain' };
}

export interface RetryPlan {
  readonly retries: readonly { readonly candidate: Candidate; readonly does: Does }[];
  readonly refused: readonly { readonly operationId: string; readonly reason: string }[];
  readonly more: boolean;
}

/** The plan for entries as they stand, the oldest first; `limit` at most. Pure. */
export function planRetry(candidates: readonly Candidate[], nowMs: number, limit: number): RetryPlan {
  const judged = candidates
    .slice(0, limit)
    .map((candidate) => ({ candidate, judgement: judgeRetry(candidate, nowMs) }));
  return {
    retries: judged.flatMap(({ candidate, judgement }) =>
      judgement.kind === 'retry' ? [{ candidate, does: judgement.does }] : [],
    ),
    refused: judged.flatMap(({ candidate: { operationId }, judgement }) =>
      judgement.kind === 'refuse' ? [{ operationId, reason: judgement.reason }] : [],
    ),
    more: candidates.length > limit,
  };
}
