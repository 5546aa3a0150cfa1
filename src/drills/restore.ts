import type { Journal } from '../record/journal.ts';
import { readRecord } from '../record/open.ts';
import { type UndoFailure, undoSteps } from '../steps/engine.ts';
import { type DrillStepContext, drillSteps } from './steps.ts';

export interface PutBack {
  readonly startedNs: bigint;
  readonly undone: readonly string[];
  readonly failed: readonly UndoFailure[];
  /** Everything that could be put back is back; false when the journal could not take the lines that say so. */
  readonly journaled: boolean;
}

/**
 * Undoes every step that the journal says was begun and not undone, newest first. The journal on disk decides, not
 * memory: the same call serves the run itself and `drill recover`. Never cancelled by a signal.
 */
export async function putBack(request: {
  readonly journal: Journal;
  readonly journalPath: string;
  readonly context: DrillStepContext;
}): Promise<PutBack> {
  const { journal, journalPath, context } = request;
  const startedNs = context.monoNs();
  const { entries } = await readRecord(journalPath);
  const report = await undoSteps({ registry: drillSteps, journal, context, entries });
  return {
    startedNs,
    undone: report.undone.map(({ describe }) => describe),
    failed: report.failed,
    journaled: report.journalErrors.length === 0,
  };
}
