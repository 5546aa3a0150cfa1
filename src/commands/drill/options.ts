import type { DrillOptions } from '../../drills/engine/drill.ts';
import { type RunFolder, runFolder } from '../../drills/run-folder.ts';
import type { Region } from '../shared/region.ts';
import { unitsOf } from './actuators.ts';
import type { LoadInput } from './index.ts';

/** What a drill is given, from flags and uplift.yaml. Throws UPL-CONFIG-INVALID (78) where we cannot act on the region. */
export function drillOptions(region: Region, input: LoadInput, runId: string): DrillOptions {
  const { environment, limits, drills } = region.project.config.value;
  const folder: RunFolder = runFolder(region.project.journalDir, runId);
  return {
    runId,
    region: region.config.name,
    environment: environment.name,
    folder,
    journalDir: region.project.journalDir,
    units: unitsOf(region),
    gateways: region.config.service?.gateways ?? [],
    ratePerS: input.rate,
    baselineMs: input.baseline * 1000,
    seed: input.seed,
    recoveryTargetMs: limits.recovery,
    timeoutMs: limits.requestTimeout,
    limits: {
      maxFaultMs: drills.maxFault,
      maxDurationMs: drills.maxDuration,
      maxShare: drills.maxShare,
      abortErrorRate: drills.abortErrorRate,
      abortAfterS: Math.max(1, Math.ceil(drills.abortAfter / 1000)),
    },
  };
}
