import type { Step } from '../../../core/step.ts';
import { type AnyStepKind, stepOf } from '../../../steps/kind.ts';
import {
  checkpointStep,
  fenceStep,
  holdPoolStep,
  pointPoolStep,
  promoteStep,
  rejoinStep,
  repointStep,
} from './kinds.ts';
import { proveCompleteStep } from './prove.ts';
import type { PostgresSet, PostgresStepContext } from './set.ts';

/** Every kind that a takeover is made of. */
export const takeOverKinds: readonly AnyStepKind<PostgresStepContext>[] = [
  checkpointStep,
  holdPoolStep,
  fenceStep,
  proveCompleteStep,
  promoteStep,
  repointStep,
  pointPoolStep,
  rejoinStep,
];

/**
 * Pure: the way from a primary that crashed, hangs or must be taken for dead to the most advanced of its replicas. The
 * whole list may be run again by anybody after it was cut off anywhere: what is already so is left alone.
 * `killedByUs`: the run has made the crash itself, so undoing it may start the old primary.
 */
export function failoverSteps(set: PostgresSet, options: { readonly killedByUs?: boolean } = {}): Step[] {
  const candidates = set.servers.filter((server) => server !== set.primary);
  return takeOver(set, { how: 'kill', candidates, ...options });
}

/** Pure: the planned way to one certain server, e.g. back to where the primary was. Refused where another is ahead of it. */
export function switchoverSteps(set: PostgresSet, to: string): Step[] {
  if (to === set.primary || !set.servers.includes(to))
    throw new TypeError(`${to} is no replica of ${set.primary}`);
  return [stepOf(checkpointStep, { set }), ...takeOver(set, { how: 'stop', candidates: [to] })];
}

interface TakeOver {
  readonly how: 'kill' | 'stop';
  readonly candidates: string[];
  readonly killedByUs?: boolean;
}

function takeOver(set: PostgresSet, { how, candidates, killedByUs = false }: TakeOver): Step[] {
  const pooled = set.pool !== null;
  return [
    ...(pooled ? [stepOf(holdPoolStep, { set, killedByUs })] : []),
    stepOf(fenceStep, { set, how }),
    ...(how === 'stop' ? [stepOf(proveCompleteStep, { set, candidates })] : []),
    stepOf(promoteStep, { set, candidates }),
    stepOf(repointStep, { set }),
    ...(pooled ? [stepOf(pointPoolStep, { set })] : []),
    stepOf(rejoinStep, { set }),
  ];
}
