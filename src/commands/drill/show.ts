import type { Block } from '../../core/blocks.ts';
import { EXIT, type ExitCode } from '../../core/exit.ts';
import type { Action } from '../../deps.ts';
import { presentDrill } from '../../drills/engine/present.ts';
import type { DrillResult } from '../../drills/engine/result.ts';
import { findRun } from '../../drills/run-folder.ts';
import type { Entry } from '../../record/envelope.ts';
import { readRecord } from '../../record/open.ts';
import type { RecordView } from '../../record/verify.ts';
import { stateDirOfRuns } from '../shared/project.ts';
import type { ShowInput } from './index.ts';

/** `uplift drill show`: the record is checked first; an unsealed or altered one is shown as such and never as proof. */
export const showCommand: Action<ShowInput> = async (deps, input) => {
  const stateDir = await stateDirOfRuns(deps);
  const folder = await findRun(stateDir, input.run);
  const record = await readRecord(folder.journal);
  const result = record.entries.findLast(({ kind }) => kind === 'drill.result')?.body as unknown as
    | DrillResult
    | undefined;
  const seal = { lines: record.entries.length + 1, head: record.head };
  const whole =
    record.status === 'sealed' && result !== undefined
      ? presentDrill(result, seal, { allLost: input.lost })
      : [];
  return {
    exit: exitOf(record),
    kind: 'drill.show',
    data: {
      runId: folder.runId,
      status: record.status,
      problems: record.problems,
      head: record.head,
      result: result ?? null,
    },
    blocks: [
      ...(whole.length > 0 ? whole.filter(({ kind }) => kind !== 'next') : timeline(record.entries)),
      ...recordBlocks(record, folder.runId),
    ],
  };
};

function exitOf({ status }: RecordView): ExitCode {
  if (status === 'sealed') return EXIT.ok;
  return status === 'broken' ? EXIT.fail : EXIT.inconclusive;
}

function timeline(entries: readonly Entry[]): Block[] {
  const rows = entries.map(({ seq, wall, kind }) => [String(seq), wall, kind]);
  return [
    { kind: 'table', columns: [{ title: 'LINE', align: 'right' }, { title: 'AT' }, { title: 'WHAT' }], rows },
  ];
}

function recordBlocks(record: RecordView, runId: string): Block[] {
  if (record.status === 'sealed') return [];
  const [problem] = record.problems;
  const why = problem === undefined ? '' : ` Line ${problem.line}: ${problem.message}`;
  const text =
    record.status === 'broken'
      ? `BROKEN record: it was altered and proves nothing.${why}`
      : `INCOMPLETE record: it was never sealed and proves nothing.${why}`;
  return [
    { kind: 'verdict', text, mark: 'bad' },
    { kind: 'next', command: `uplift drill recover ${runId}` },
  ];
}
