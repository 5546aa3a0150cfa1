import { runChecks } from '../../checks/check.ts';
import { presentChecks } from '../../checks/present.ts';
import { CHECKS } from '../../checks/registry.ts';
import { exitOfVerdict, verdictOf } from '../../core/finding.ts';
import type { Action } from '../../deps.ts';
import { lookAtRegion } from '../shared/look.ts';
import { openRegions } from '../shared/region.ts';
import type { CheckInput } from './index.ts';

/** `uplift check`: look at every region, judge what was seen. */
export const checkCommand: Action<CheckInput> = async (deps, { strict }) => {
  const regions = await openRegions(deps);
  const findings = (
    await Promise.all(regions.map(async (region) => runChecks(CHECKS, await lookAtRegion(deps, region))))
  ).flat();
  const verdict = verdictOf(findings);
  return {
    exit: exitOfVerdict(verdict, { strict }),
    kind: 'check',
    data: { verdict, findings },
    blocks: presentChecks(findings),
  };
};
