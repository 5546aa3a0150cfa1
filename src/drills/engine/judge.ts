import { EXIT, type ExitCode, worstExit } from '../../core/exit.ts';
import { formatMs } from '../../core/units.ts';

/** How the run itself went; apart from what the evidence says. */
export type Execution = 'completed' | 'aborted' | 'interrupted' | 'errored';
export type Hypothesis = 'held' | 'deviated' | 'inconclusive';
export type Restored = 'restored' | 'notRestored' | 'nothingTouched';

/** How much was observed where it matters; without it "0 lost" would say nothing. */
export interface Coverage {
  /** Acknowledgements between the fault and the end of the restore. */
  readonly acknowledgedInFaultWindow: number;
  /** Acknowledgements within one second before the fault on the partitions that it struck. */
  readonly acknowledgedJustBeforeOnVictim: number;
}

/** What a verdict needs where a drill does not say otherwise. */
export const COVERAGE_NEEDED: Coverage = {
  acknowledgedInFaultWindow: 1000,
  acknowledgedJustBeforeOnVictim: 1,
};

/**
 * What a verdict needs where something else than the log is struck: the log goes on acknowledging for the service, which
 * has only to be seen at work; the store that is struck is covered by its own probe, or by reads that catch up.
 */
export const COVERAGE_BESIDE_LOG: Coverage = {
  acknowledgedInFaultWindow: 100,
  acknowledgedJustBeforeOnVictim: 1,
};

/** The recovery, ms after the fault's own start; null when it was not seen to happen. */
export interface Recovery {
  readonly detectMs: number | null;
  readonly electMs: number | null;
  readonly reconnectMs: number | null;
  /** Reads had caught up; absent: not looked at. */
  readonly freshMs?: number | null;
  readonly backInsideSloMs: number | null;
}

/** How long the fault was looked at before the restore began: what came after that is no recovery from the fault. */
export interface Observation {
  /** From the last strike on, ms. */
  readonly lastedMs: number;
  /** By the load alone: so long after the last strike it was not back inside its SLO for certain, ms. */
  readonly outsideMs: number;
}

export interface DrillEvidence {
  /** Promises that the checker found broken, as sentences: lost, duplicated, oversold … */
  readonly broken: readonly string[];
  /** What could not be looked at, as sentences. Any makes the run inconclusive. */
  readonly missing: readonly string[];
  readonly coverage: Coverage;
  /** Default COVERAGE_NEEDED. */
  readonly coverageNeeded?: Coverage | undefined;
  /** As it was seen by the end of the observation. */
  readonly recovery: Recovery;
  readonly observation: Observation;
  readonly recoveryTargetMs: number;
}

export interface Judged {
  readonly hypothesis: Hypothesis;
  /** Why it is not `held`, worst first; empty when held. */
  readonly reasons: readonly string[];
}

/** Pure: what the evidence says. A found loss is a deviation even when something else could not be read. */
export function judgeEvidence(evidence: DrillEvidence): Judged {
  const broken = brokenPromises(evidence);
  if (broken.length > 0) return { hypothesis: 'deviated', reasons: broken };
  const gaps = [...evidence.missing, ...coverageGaps(evidence), ...recoveryGaps(evidence)];
  return gaps.length > 0
    ? { hypothesis: 'inconclusive', reasons: gaps }
    : { hypothesis: 'held', reasons: [] };
}

function brokenPromises({ broken, recovery, observation, recoveryTargetMs }: DrillEvidence): string[] {
  const { backInsideSloMs } = recovery;
  const target = formatMs(recoveryTargetMs);
  if (backInsideSloMs !== null)
    return backInsideSloMs <= recoveryTargetMs
      ? [...broken]
      : [...broken, `back inside SLO after ${formatMs(backInsideSloMs)}, target ${target}`];
  const { outsideMs } = observation;
  return outsideMs <= recoveryTargetMs
    ? [...broken]
    : [...broken, `outside its SLO for ${formatMs(outsideMs)} before the restore began, target ${target}`];
}

function coverageGaps({ coverage, coverageNeeded: needed = COVERAGE_NEEDED }: DrillEvidence): string[] {
  const gaps: string[] = [];
  if (coverage.acknowledgedInFaultWindow < needed.acknowledgedInFaultWindow) {
    gaps.push(
      `only ${coverage.acknowledgedInFaultWindow} acknowledgements in the fault window, ${needed.acknowledgedInFaultWindow} needed`,
    );
  }
  if (coverage.acknowledgedJustBeforeOnVictim < needed.acknowledgedJustBeforeOnVictim) {
    gaps.push('no acknowledgement within 1 s before the fault where it struck');
  }
  return gaps;
}

function recoveryGaps({ recovery, observation }: DrillEvidence): string[] {
  const lasted = formatMs(observation.lastedMs);
  const unseen = `the platform was not seen back inside its SLO in the ${lasted} before the restore began: what came after that does not count`;
  return [
    ...(recovery.freshMs === null ? ['the projection was not seen to catch up'] : []),
    ...(recovery.backInsideSloMs === null ? [unseen] : []),
  ];
}

/** The exit code of a drill; 16 stands above everything. */
export function exitOfDrill(result: {
  execution: Execution;
  hypothesis: Hypothesis;
  restored: Restored;
}): ExitCode {
  const codes: ExitCode[] = [];
  if (result.restored === 'notRestored') codes.push(EXIT.notRestored);
  if (result.hypothesis === 'deviated') codes.push(EXIT.fail);
  if (result.hypothesis === 'inconclusive') codes.push(EXIT.inconclusive);
  return worstExit(codes);
}
