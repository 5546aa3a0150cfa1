import type { LiveLeaders } from '../../core/live.ts';
import type { StepEvent } from '../../steps/engine.ts';
import type { FaultWatch, Moments } from '../engine/drill.ts';
import { firstAckNs } from '../probe/judge.ts';
import type { StoreProbe } from '../probe/probe.ts';
import { killStep } from '../steps/postgres/fault.ts';
import { fenceStep, promoteStep } from '../steps/postgres/kinds.ts';

/** Pure: adds what a step says. The drill acts by itself: it has noticed when it has fenced, and chosen when it has promoted. */
export function addStep(
  known: Moments,
  { state, step }: Pick<StepEvent, 'state' | 'step'>,
  nowNs: bigint,
  { planned }: { readonly planned: boolean },
): Moments {
  const done = (kind: string): bigint | null => (state === 'done' && step.kind === kind ? nowNs : null);
  return {
    // Nobody has to notice what was planned.
    detectedNs: known.detectedNs ?? (planned ? null : done(fenceStep.kind)),
    electedNs: known.electedNs ?? done(promoteStep.kind),
  };
}

/** The moments of a takeover that the drill makes itself; the probe says when the store takes writes again. */
export function watchSteps(request: {
  readonly monoNs: () => bigint;
  readonly planned: boolean;
  readonly probe: Pick<StoreProbe, 'writes' | 'struck'>;
}): FaultWatch {
  const { monoNs, planned, probe } = request;
  let known: Moments = { detectedNs: null, electedNs: null };
  let leaders: LiveLeaders | undefined;
  const reconnectedNs = (): bigint | null =>
    known.electedNs === null ? null : firstAckNs(probe, known.electedNs);
  return {
    moments: () => ({ ...known, reconnectedNs: reconnectedNs() }),
    settled: () => reconnectedNs() !== null,
    leaders: () => leaders,
    onStep: (event) => {
      leaders = leadersAfter(event) ?? leaders;
      known = addStep(known, event, monoNs(), { planned });
    },
    stop: async () => undefined,
  };
}

/** Pure: who leads once this step is done; undefined: as before it. */
function leadersAfter({ state, step, describe }: StepEvent): LiveLeaders | undefined {
  if (state !== 'done') return undefined;
  if (step.kind === fenceStep.kind || step.kind === killStep.kind)
    return { text: `nobody, since: ${describe}`, waits: true };
  const args = step.kind === promoteStep.kind ? promoteStep.parse?.(step.args) : undefined;
  if (args === undefined) return undefined;
  const { set, candidates } = args;
  const who = candidates.length === 1 ? candidates[0] : `one of ${candidates.join(', ')}`;
  return { text: `${who} leads in place of ${set.primary}`, waits: false };
}
