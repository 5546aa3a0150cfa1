import type { StepEvent } from '../../steps/engine.ts';
import type { FaultWatch, Moments } from '../engine/drill.ts';
import { fenceStep, promoteStep } from '../steps/postgres/kinds.ts';

/** Pure: adds what a step says. The drill acts by itself: it has noticed when it fences, and chosen when it has promoted. */
export function addStep(
  known: Moments,
  { state, step }: Pick<StepEvent, 'state' | 'step'>,
  nowNs: bigint,
): Moments {
  const done = (kind: string): bigint | null => (state === 'done' && step.kind === kind ? nowNs : null);
  return {
    detectedNs: known.detectedNs ?? done(fenceStep.kind),
    electedNs: known.electedNs ?? done(promoteStep.kind),
  };
}

/** The moments of a failover that the drill makes itself. */
export function watchSteps(monoNs: () => bigint): FaultWatch {
  let known: Moments = { detectedNs: null, electedNs: null };
  return {
    moments: () => known,
    onStep: (event) => {
      known = addStep(known, event, monoNs());
    },
    stop: async () => undefined,
  };
}
