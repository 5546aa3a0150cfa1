import { reasonOf } from '../../core/error.ts';
import { secondsOfHistory } from '../../load/seconds.ts';
import type { PublicKey } from '../../record/keys.ts';
import { readRecord } from '../../record/open.ts';
import { lookAtHistory, readRows } from '../record/read.ts';
import type { RecordRow } from '../record/row.ts';
import { runFolder } from '../run-folder.ts';
import type { ReportRun } from './report.ts';
import { timelineOf } from './timeline.ts';

/** Drills in one report, and how many of them, the newest, have their timeline drawn. */
const MOST_RUNS = 500;
const MOST_TIMELINES = 20;

/** Reads everything that a report tells. Nothing is drawn of a history that is not the one its record was sealed with. */
export async function gatherRuns(
  journalDir: string,
  trusted: readonly PublicKey[],
  sinceMs: number | null,
): Promise<{ readonly runs: readonly ReportRun[]; readonly more: boolean }> {
  const { rows, more } = await readRows(journalDir, trusted, { limit: MOST_RUNS, sinceMs: sinceMs ?? 0 });
  const runs: ReportRun[] = [];
  for (const [at, row] of rows.entries()) {
    const timeline =
      at < MOST_TIMELINES
        ? await timelineOfRun(journalDir, row)
        : { absent: `only the newest ${MOST_TIMELINES} are drawn` };
    runs.push({ row, timeline });
  }
  return { runs, more };
}

async function timelineOfRun(journalDir: string, row: RecordRow): Promise<ReportRun['timeline']> {
  if (row.outcome === null) return { absent: 'the record proves nothing' };
  const folder = runFolder(journalDir, row.runId);
  try {
    const { entries } = await readRecord(folder.journal);
    const history = await lookAtHistory(folder, entries);
    if (history.kind === 'different') return { absent: `the history was altered: ${history.why}` };
    if (history.kind === 'none') return { absent: 'no load had begun' };
    if (history.kind !== 'equal')
      return { absent: 'the history is not there, or the record does not name it' };
    return (
      timelineOf(await secondsOfHistory(folder.history), entries) ?? {
        absent: 'the record names no moment of a fault',
      }
    );
  } catch (error) {
    return { absent: reasonOf(error).replace(/\.$/, '') };
  }
}
