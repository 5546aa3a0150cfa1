import type { Block } from '../../core/blocks.ts';
import { EXIT } from '../../core/exit.ts';
import { newRunId } from '../../core/ids.ts';
import type { Action } from '../../deps.ts';
import { drillOf } from '../../drills/catalogue.ts';
import type { Drill, Prepared } from '../../drills/engine/drill.ts';
import { prepareDrill } from '../../drills/engine/permit.ts';
import { type PlannedStep, presentPlan } from '../../drills/engine/present-plan.ts';
import { notMet, tooMany } from '../../drills/engine/refuse.ts';
import { drillSteps } from '../../drills/steps.ts';
import { openOneRegion } from '../shared/region.ts';
import type { PlanInput } from './index.ts';
import { drillOptions } from './options.ts';
import { withDrillPorts } from './ports.ts';

/** `uplift drill plan ID`: every look of the preflight, and what would be done; no journal, nothing is touched. */
export const planCommand: Action<PlanInput> = async (deps, input) => {
  const drill = drillOf(input.drill);
  const region = await openOneRegion(deps);
  const options = drillOptions(region, input, newRunId());
  const nothing = (): Promise<never> => Promise.reject(new TypeError('a plan begins nothing'));
  const given = { journal: { append: nothing }, watchdog: nothing, allowNoLock: false, what: '' };
  const preparation = await withDrillPorts(deps, region, given, (ports) =>
    prepareDrill(drill, ports, options),
  );
  if (preparation.kind === 'refused') {
    const { findings } = preparation;
    const bad = notMet(findings);
    const next = bad.find((finding) => finding.next !== undefined)?.next ?? 'uplift check';
    const text = `REFUSED: ${bad.length} of ${findings.length} conditions are not met. Nothing was touched.`;
    const blocks: Block[] = [
      { kind: 'findings', findings: bad },
      { kind: 'verdict', text, mark: 'bad' },
      { kind: 'next', command: next },
    ];
    return {
      exit: EXIT.refused,
      kind: 'drill.plan',
      data: { drill: drill.id, ready: false, findings },
      blocks,
    };
  }
  const steps = stepsOf(preparation);
  const refused = tooMany(preparation, options.limits.maxShare) !== undefined;
  return {
    exit: refused ? EXIT.refused : EXIT.ok,
    kind: 'drill.plan',
    data: dataOf(drill, preparation, steps, !refused),
    blocks: presentPlan(drill, preparation, { steps, options }),
  };
};

function stepsOf({ steps }: Prepared): PlannedStep[] {
  return steps.map((step) => {
    const kind = drillSteps.find(step);
    return {
      describe: kind.describe(kind.parse?.(step.args) ?? step.args),
      undone: kind.undo !== 'irreversible',
    };
  });
}

function dataOf(drill: Drill, prepared: Prepared, steps: readonly PlannedStep[], ready: boolean) {
  const { target, victim, blast, fault, expected, findings } = prepared;
  return { drill: drill.id, ready, target, victim, blast, fault, steps, expected, findings };
}
