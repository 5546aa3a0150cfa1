import type { Block } from '../../core/blocks.ts';
import { EXIT, type ExitCode } from '../../core/exit.ts';
import type { Action } from '../../deps.ts';
import { presentDrill } from '../../drills/engine/present.ts';
import { type DrillResult, RESULT_KIND } from '../../drills/engine/result.ts';
import { type RecordState, recordState } from '../../drills/record/exam.ts';
import { checkDrill } from '../../drills/record/signed.ts';
import { findRun } from '../../drills/run-folder.ts';
import type { Entry } from '../../record/envelope.ts';
import { readLong } from '../../record/long-body.ts';
import { readRecord } from '../../record/open.ts';
import type { SignatureCheck } from '../../record/signature.ts';
import type { RecordView } from '../../record/verify.ts';
import { foldersOfRuns } from '../shared/project.ts';
import type { ShowInput } from './index.ts';
import { trustedKeys } from './keys.ts';

/** `uplift drill show`: the record is checked first; an unsealed or altered one is shown as such and never as proof. */
export const showCommand: Action<ShowInput> = async (deps, input) => {
  const { journalDir } = await foldersOfRuns(deps);
  const folder = await findRun(journalDir, input.run);
  const record = await readRecord(folder.journal, folder.runId);
  const signature = checkDrill(record, await trustedKeys(deps));
  const state = recordState(record, signature);
  // What proves nothing says nothing, to whoever reads the JSON either.
  const result = state === 'broken' ? undefined : resultOf(record.entries);
  const signedBy = signature.state === 'signed' ? signature.by.keyId : undefined;
  const seal = { lines: record.entries.length + 1, head: record.head, signedBy };
  const whole =
    record.status === 'sealed' && state !== 'broken' && result !== undefined
      ? presentDrill(result, seal, { allLost: input.lost })
      : [];
  return {
    exit: exitOf(state),
    kind: 'drill.show',
    data: {
      runId: folder.runId,
      status: state === 'broken' ? state : record.status,
      signedBy: signedBy ?? null,
      problems: record.problems,
      head: record.head,
      result: result ?? null,
    },
    blocks: [
      ...(whole.length > 0 ? whole.filter(({ kind }) => kind !== 'next') : timeline(record.entries)),
      ...recordBlocks(state, whyOf(record, signature), folder.runId),
      ...(result === undefined && state !== 'broken' && state !== 'incomplete'
        ? [{ kind: 'next', command: `uplift drill verify ${folder.runId}` } as const]
        : []),
    ],
  };
};

/** The result as it is written today; an older one has its lines shown instead, and `drill verify` says its outcome. */
function resultOf(entries: readonly Entry[]): DrillResult | undefined {
  const body = readLong(entries, RESULT_KIND) as Partial<DrillResult> | undefined;
  const isToday = body?.expected !== undefined && body.interruption !== undefined;
  return isToday ? (body as DrillResult) : undefined;
}

function exitOf(state: RecordState): ExitCode {
  if (state === 'broken') return EXIT.fail;
  return state === 'incomplete' ? EXIT.inconclusive : EXIT.ok;
}

function whyOf({ problems }: RecordView, signature: SignatureCheck): string {
  const [problem] = problems;
  if (problem !== undefined) return ` Line ${problem.line}: ${problem.message}`;
  return signature.state === 'broken' ? ` Its signature: ${signature.why}.` : '';
}

function timeline(entries: readonly Entry[]): Block[] {
  const rows = entries.map(({ seq, wall, kind }) => [String(seq), wall, kind]);
  return [
    { kind: 'table', columns: [{ title: 'LINE', align: 'right' }, { title: 'AT' }, { title: 'WHAT' }], rows },
  ];
}

function recordBlocks(state: RecordState, why: string, runId: string): Block[] {
  if (state === 'broken') {
    const text = `BROKEN record: it was altered and proves nothing.${why}`;
    return [
      { kind: 'verdict', text, mark: 'bad' },
      { kind: 'next', command: `uplift drill verify ${runId}` },
    ];
  }
  if (state !== 'incomplete') return [];
  const text = `INCOMPLETE record: it was never sealed and proves nothing.${why}`;
  return [
    { kind: 'verdict', text, mark: 'bad' },
    { kind: 'next', command: `uplift drill recover ${runId}` },
  ];
}
