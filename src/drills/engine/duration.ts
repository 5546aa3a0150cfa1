import type { Finding } from '../../core/finding.ts';
import type { Step } from '../../core/step.ts';
import { formatMs } from '../../core/units.ts';
import { DEFAULT_TIMEOUT_MS } from '../../steps/engine.ts';
import { type DrillStepContext, drillSteps } from '../steps.ts';
import { baselineBoundMs } from './baseline.ts';
import { finding } from './conditions.ts';
import type { DrillOptions, Prepared } from './drill.ts';
import { FINAL_READS_MS } from './examine.ts';

/** The load goes on this long after everything was put back: a loss at the return of a leader would show. */
export const AFTER_RESTORE_MS = 4000;
/** Until the lock of the cluster is had or refused, a dead holder outlived, and the watchdog watches. */
const BEGIN_MS = 90_000;
/** Asked for and seen: each has the step's own deadline. */
const HALVES = 2;

/** The parts of a drill, each as long as it may take at most. */
export interface Longest {
  /** Lock, watchdog, baseline, and the steps before the fault. */
  readonly beforeMs: number;
  readonly faultMs: number;
  /** Every undo takes all of its time. */
  readonly restoreMs: number;
  readonly readsMs: number;
  readonly totalMs: number;
}

/** The longest that a drill takes if everything in it takes as long as it may. Each part is ended at its own deadline. */
export function longestOf(
  { steps, faultAt }: Pick<Prepared, 'steps' | 'faultAt'>,
  { baselineMs, limits }: Pick<DrillOptions, 'baselineMs' | 'limits'>,
  context: DrillStepContext,
): Longest {
  const kinds = steps.map((step) => drillSteps.find(step));
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const stepsMs = sum(
    kinds.slice(0, faultAt).map(({ timeoutMs = DEFAULT_TIMEOUT_MS }) => HALVES * timeoutMs),
  );
  const restoreMs = sum(steps.map((step) => undoMs(step, context)));
  const beforeMs = BEGIN_MS + baselineBoundMs(baselineMs) + stepsMs;
  const faultMs = limits.maxFaultMs;
  const readsMs = AFTER_RESTORE_MS + FINAL_READS_MS;
  return { beforeMs, faultMs, restoreMs, readsMs, totalMs: beforeMs + faultMs + restoreMs + readsMs };
}

/** The undo's own deadline, or what it acts through says that it is sooner. */
function undoMs(step: Step, context: DrillStepContext): number {
  const kind = drillSteps.find(step);
  const { undo, undoTimeoutMs = DEFAULT_TIMEOUT_MS } = kind;
  if (undo === 'irreversible') return 0;
  if (kind.undoWithinMs === undefined) return undoTimeoutMs;
  return Math.min(undoTimeoutMs, kind.undoWithinMs(kind.parse?.(step.args) ?? step.args, context));
}

/** Pure: whether the longest case is short enough. */
export function durationFinding(longest: Longest, maxDurationMs: number): Finding {
  const { beforeMs, faultMs, restoreMs, readsMs, totalMs } = longest;
  const parts = `${formatMs(beforeMs)} until the fault, ${formatMs(faultMs)} in it, ${formatMs(restoreMs)} to restore, ${formatMs(readsMs)} to read`;
  return finding(
    'drill.duration',
    'the drill ends in time even if everything takes as long as it may',
    totalMs <= maxDurationMs ? 'pass' : 'fail',
    `at most ${formatMs(totalMs)} (${parts}); drills.maxDuration is ${formatMs(maxDurationMs)}`,
    'deadlines of baseline, steps, fault, restore and final reads',
  );
}

/** Pure: whether a recovery that comes within its target can be seen before the restore begins. */
export function observationFinding({
  recoveryTargetMs,
  limits: { maxFaultMs },
}: {
  readonly recoveryTargetMs: number;
  readonly limits: Pick<DrillOptions['limits'], 'maxFaultMs'>;
}): Finding {
  return finding(
    'drill.observation',
    'the fault lasts as long as a recovery may take',
    maxFaultMs >= recoveryTargetMs ? 'pass' : 'fail',
    `drills.maxFault is ${formatMs(maxFaultMs)}, limits.recovery is ${formatMs(recoveryTargetMs)}`,
    'drills.maxFault and limits.recovery',
  );
}
