import { reasonOf } from '../../core/error.ts';
import { secondsOfHistory } from '../../load/seconds.ts';
import type { Entry } from '../../record/envelope.ts';
import type { PublicKey } from '../../record/keys.ts';
import { readRecord } from '../../record/open.ts';
import type { HistoryLook } from '../record/exam.ts';
import { lookAtHistory, lookAtProbe, readRows } from '../record/read.ts';
import type { RecordRow } from '../record/row.ts';
import { HISTORY_FILE, PROBE_FILE, type RunFolder, runFolder } from '../run-folder.ts';
import type { ReportRun } from './report.ts';
import { timelineOf } from './timeline.ts';

/** Drills in one report, and how many of them, the newest, have their timeline drawn. */
const MOST_RUNS = 500;
const MOST_TIMELINES = 20;

/** Reads everything that a report tells, the files that each record names included: nothing counts beside one that was altered. */
export async function gatherRuns(
  journalDir: string,
  trusted: readonly PublicKey[],
  sinceMs: number | null,
): Promise<{ readonly runs: readonly ReportRun[]; readonly more: boolean }> {
  const { rows, more } = await readRows(journalDir, trusted, { limit: MOST_RUNS, sinceMs: sinceMs ?? 0 });
  const runs: ReportRun[] = [];
  for (const [at, row] of rows.entries()) runs.push(await runOf(journalDir, row, at < MOST_TIMELINES));
  return { runs, more };
}

/** A row as its files leave it, with its timeline: beside a file that was altered a record proves nothing. */
async function runOf(journalDir: string, row: RecordRow, isDrawn: boolean): Promise<ReportRun> {
  if (row.outcome === null) return { row, timeline: { absent: 'the record proves nothing' } };
  const folder = runFolder(journalDir, row.runId);
  try {
    const { entries } = await readRecord(folder.journal, row.runId);
    const history = await lookAtHistory(folder, entries);
    const probe = await lookAtProbe(folder, entries);
    const altered = [
      ...(history.kind === 'different' ? [`the history was altered: ${history.why}`] : []),
      ...(probe.kind === 'different' ? [`what the store probe wrote was altered: ${probe.why}`] : []),
    ];
    if (altered.length > 0) {
      const problem = altered.join('; ');
      return {
        row: { ...row, state: 'broken', signedBy: null, problem, outcome: null },
        timeline: { absent: problem },
      };
    }
    const gaps = [...gapOf(history, HISTORY_FILE), ...gapOf(probe, PROBE_FILE)];
    const told = gaps.length === 0 ? row : { ...row, problem: gaps.join('; ') };
    const timeline = isDrawn
      ? await timelineBeside(folder, entries, history)
      : { absent: `only the newest ${MOST_TIMELINES} are drawn` };
    return { row: told, timeline };
  } catch (error) {
    return { row, timeline: { absent: reasonOf(error).replace(/\.$/, '') } };
  }
}

function gapOf({ kind }: HistoryLook, file: string): string[] {
  if (kind === 'missing') return [`${file} is not there`];
  return kind === 'unsaid' ? [`it does not name its ${file}`] : [];
}

async function timelineBeside(
  folder: RunFolder,
  entries: readonly Entry[],
  history: HistoryLook,
): Promise<ReportRun['timeline']> {
  if (history.kind === 'none') return { absent: 'no load had begun' };
  if (history.kind !== 'equal') return { absent: 'the history is not there, or the record does not name it' };
  const seconds = await secondsOfHistory(folder.history);
  return timelineOf(seconds, entries) ?? { absent: 'the record names no moment of a fault' };
}
