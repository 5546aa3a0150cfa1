import { exitOfVerdict, verdictOf } from '../../core/finding.ts';
import type { Action } from '../../deps.ts';
import { presentVerify } from '../../topics/present.ts';
import { verifyTopics } from '../../topics/verify.ts';
import { openRegions } from '../shared/region.ts';
import { lookAtTopics, withCluster } from './observe.ts';

/** `uplift topics verify`: drift is exit 10, nothing declared is inconclusive. */
export const verifyCommand: Action<Record<never, never>> = async (deps) => {
  const findings = [];
  for (const region of await openRegions(deps)) {
    findings.push(
      ...(await withCluster(region, async (cluster) =>
        verifyTopics(await lookAtTopics(deps, region, cluster), region.desired),
      )),
    );
  }
  return {
    exit: exitOfVerdict(verdictOf(findings)),
    kind: 'topics.verify',
    data: { verdict: verdictOf(findings), findings },
    blocks: presentVerify(findings),
  };
};
