import { EXIT, type ExitCode, worstExit } from '../../core/exit.ts';
import type { Action } from '../../deps.ts';
import { creations, planTopics, refusals, type TopicsPlan } from '../../topics/plan.ts';
import { writePlan } from '../../topics/plan-file.ts';
import { presentPlan } from '../../topics/present.ts';
import { openOneRegion, openRegions } from '../shared/region.ts';
import type { PlanInput } from './index.ts';
import { lookAtTopics, withCluster } from './observe.ts';

/** `uplift topics plan`: facts and uplift.yaml to plans, one per region. */
export const planCommand: Action<PlanInput> = async (deps, input) => {
  const regions = input.out === undefined ? await openRegions(deps) : [await openOneRegion(deps)];
  const plans: TopicsPlan[] = [];
  for (const region of regions) {
    plans.push(
      await withCluster(region, async (cluster) =>
        planTopics(await lookAtTopics(deps, region, cluster), region.desired),
      ),
    );
  }
  const [first] = plans;
  if (input.out !== undefined && first !== undefined) await writePlan(input.out, first);
  return {
    exit: worstExit(plans.map((plan) => exitOf(plan, input.detailedExitcode))),
    kind: 'topics.plan',
    data: { plans },
    blocks: plans.flatMap(presentPlan),
  };
};

function exitOf(plan: TopicsPlan, detailed: boolean): ExitCode {
  if (refusals(plan).length > 0) return EXIT.refused;
  return detailed && creations(plan).length > 0 ? EXIT.changesToMake : EXIT.ok;
}
