import { UpliftError } from '../../core/error.ts';
import { EXIT } from '../../core/exit.ts';
import type { Action } from '../../deps.ts';
import { planReplay } from '../../dlq/plan.ts';
import { writeReplayPlan } from '../../dlq/plan-file.ts';
import { presentPlan } from '../../dlq/present-replay.ts';
import { durationFlag } from '../shared/duration.ts';
import { openOneRegion } from '../shared/region.ts';
import { freePlanName } from './free-plan-name.ts';
import type { PlanInput } from './index.ts';
import { lookAt, sourceNamed, withKafka } from './look.ts';

/** `uplift dlq plan`: one look, one plan; saved with `--out`. */
export const planCommand: Action<PlanInput> = async (deps, input) => {
  const readTimeoutMs = durationFlag('--read-timeout', input.readTimeout);
  const region = await openOneRegion(deps);
  const plan = await withKafka(region, async (kafka) => {
    const source = sourceNamed(kafka, input.topic);
    const { target, ...facts } = await lookAt(deps, kafka, source, readTimeoutMs);
    if (target === null)
      throw new UpliftError('UPL-PLAN-REFUSED', {
        message: `${source.target}, where the letters of ${source.dlq} came from, is not in the cluster.`,
        next: 'uplift topics plan',
      });
    return planReplay({ ...facts, target }, input);
  });
  if (input.out !== undefined) await writeReplayPlan(input.out, plan);
  return {
    exit: EXIT.ok,
    kind: 'dlq.plan',
    data: { plan },
    blocks: presentPlan(
      plan,
      input.out === undefined ? { planName: freePlanName(deps) } : { file: input.out },
    ),
  };
};
