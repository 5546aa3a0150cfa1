import type { StepEvent } from '../../steps/engine.ts';
import type { FaultWatch, Moments } from '../engine/drill.ts';
import { fenceStep, promoteStep } from '../steps/postgres/kinds.ts';

/** The step whose state is the moment in which the drill has noticed. */
export interface Noticed {
  readonly kind: string;
  readonly state: StepEvent['state'];
}

/** After a crash the drill acts by itself: it has noticed when it has fenced. */
export const FENCED: Noticed = { kind: fenceStep.kind, state: 'done' };

/** Pure: adds what a step says; somebody was chosen once he is promoted. */
export function addStep(
  known: Moments,
  { state, step }: Pick<StepEvent, 'state' | 'step'>,
  nowNs: bigint,
  noticed: Noticed,
): Moments {
  const at = (kind: string, when: StepEvent['state']): bigint | null =>
    state === when && step.kind === kind ? nowNs : null;
  return {
    detectedNs: known.detectedNs ?? at(noticed.kind, noticed.state),
    electedNs: known.electedNs ?? at(promoteStep.kind, 'done'),
  };
}

/** The moments of a failover that the drill makes itself. */
export function watchSteps(monoNs: () => bigint, noticed: Noticed = FENCED): FaultWatch {
  let known: Moments = { detectedNs: null, electedNs: null };
  return {
    moments: () => known,
    onStep: (event) => {
      known = addStep(known, event, monoNs(), noticed);
    },
    stop: async () => undefined,
  };
}
