import { isUpliftError, reasonOf, UpliftError } from '../../core/error.ts';
import { EXIT } from '../../core/exit.ts';
import { formatMs } from '../../core/units.ts';
import type { Journal } from '../../record/journal.ts';
import { readRecord } from '../../record/open.ts';
import { type UndoFailure, undoSteps } from '../../steps/engine.ts';
import { type DrillStepContext, drillSteps } from '../steps.ts';

export interface PutBack {
  readonly startedNs: bigint;
  readonly undone: readonly string[];
  readonly failed: readonly UndoFailure[];
  /** Lines the journal refused meanwhile: things were put back all the same, but the record does not say so. */
  readonly journalErrors: readonly unknown[];
}

/**
 * Undoes every step that the journal says was begun and not undone, newest first. The journal on disk decides, not
 * memory: the same call serves the run itself and `drill recover`. Never cancelled by a signal.
 */
export async function putBack(request: {
  readonly journal: Pick<Journal, 'append'>;
  readonly journalPath: string;
  readonly context: DrillStepContext;
}): Promise<PutBack> {
  const { journal, journalPath, context } = request;
  const startedNs = context.monoNs();
  const { entries } = await readRecord(journalPath);
  const report = await undoSteps({ registry: drillSteps, journal, context, entries });
  const { undone, failed, journalErrors } = report;
  return { startedNs, undone: undone.map(({ describe }) => describe), failed, journalErrors };
}

/** Pure: what a restore has done, in one line. Whether anything differs all the same is looked at later, and said then. */
export function putBackText(
  { undone, startedNs }: Pick<PutBack, 'undone' | 'startedNs'>,
  nowNs: bigint,
): string {
  if (undone.length === 0) return 'nothing had to be undone';
  const steps = undone.length === 1 ? '1 step' : `${undone.length} steps`;
  return `everything back after ${formatMs(Number(nowNs - startedNs) / 1e6)} · ${steps} undone`;
}

/** The error of a restore whose journal took no lines (disk full), or undefined where all of it stands in the record. */
export function unrecordedOf(
  runId: string,
  { failed, journalErrors }: Pick<PutBack, 'failed' | 'journalErrors'>,
): UpliftError | undefined {
  const error = journalErrors.find((each) => isUpliftError(each, 'UPL-CANNOT-WRITE'));
  if (failed.length > 0 || !isUpliftError(error)) return undefined;
  const room = error.next === undefined ? 'make room' : `make room (${error.next})`;
  return new UpliftError('UPL-CANNOT-WRITE', {
    message: `${error.message} Everything was put back all the same; the record does not say so.`,
    next: `${room}, then: uplift drill recover ${runId}`,
    cause: error.cause,
  });
}

/** The error of a run whose restore failed, by what was not undone. `failure`: what had gone wrong before it, if anything. */
export function notRestored(runId: string, reasons: readonly string[], failure: unknown): UpliftError {
  const before = failure === undefined ? '' : ` (before that: ${reasonOf(failure)})`;
  return new UpliftError('UPL-NOT-RESTORED', {
    message: `NOT RESTORED: ${reasons.join('; ')}${before}`,
    next: `uplift drill recover ${runId}`,
    cause: failure,
    exit: EXIT.notRestored,
  });
}
