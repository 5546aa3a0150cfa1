import type { Examined } from '../../src/drills/engine/examine.ts';
import type { Entry } from '../../src/record/envelope.ts';
import type { RecordView } from '../../src/record/verify.ts';
import { pendingUndo } from '../../src/steps/journal-kinds.ts';
import type { Point } from './plan.ts';
import { type Landed, landedOf } from './row.ts';

/** One run in the document of `drill recover`. */
export interface RecoveredRun {
  readonly runId: string;
  readonly undone: readonly string[];
  readonly failed: readonly string[];
  readonly sealed: boolean;
}

/** Everything that was seen of one point. */
export interface Seen {
  readonly runId: string;
  /** Kind of the step whose intent was waited for. */
  readonly kind: string;
  /** Whether a watchdog was running when the run was killed, and whether the record was sealed before anybody was asked. */
  readonly watchdogs: number;
  readonly sealedBefore: boolean;
  readonly recover: { readonly exit: number | null; readonly runs: readonly RecoveredRun[] };
  /** `drill recover` once more. */
  readonly again: { readonly exit: number | null; readonly runs: readonly RecoveredRun[] };
  readonly verifyExit: number | null;
  readonly record: Pick<RecordView, 'status' | 'entries' | 'problems'>;
  /** How the stores differ from before the first point, as sentences. */
  readonly differences: readonly string[];
  /** Processes that are more or less than before, as sentences. */
  readonly leftRunning: readonly string[];
  readonly killed: Pick<Examined, 'judgement' | 'troubles'>;
  readonly after: Pick<Examined, 'judgement' | 'troubles'>;
}

export interface Verdict {
  readonly landed: Landed;
  readonly wrong: readonly string[];
  readonly open: readonly string[];
}

/** Pure: what is wrong with a point, and what nobody could see of it. */
export function verdictOf(point: Pick<Point, 'step' | 'kind' | 'column'>, seen: Seen): Verdict {
  const { entries } = seen.record;
  const landed = landedOf(entries, point.step);
  const open = [
    ...(landed.hit
      ? []
      : [`the kill came too late: after ${landed.kind} of another step, or in the restore`]),
    ...(point.column === 'both' && seen.watchdogs === 0 ? ['there was no watchdog to be killed'] : []),
    ...seen.killed.troubles.map((text) => `load of the run: ${text}`),
    ...seen.after.troubles.map((text) => `load after it: ${text}`),
    ...(seen.after.judgement.verdict === 'inconclusive' ? seen.after.judgement.reasons : []),
  ];
  const wrong = [
    ...(seen.kind === point.kind ? [] : [`step ${point.step} is ${seen.kind}, planned was ${point.kind}`]),
    ...recoverTroubles(seen),
    ...recordTroubles(seen),
    ...seen.differences,
    ...seen.leftRunning,
    ...loadTroubles(seen),
  ];
  return { landed, wrong, open };
}

function recoverTroubles({ recover, again, runId, sealedBefore, verifyExit }: Seen): string[] {
  const { exit, runs } = recover;
  const failed = runs.flatMap((run) => run.failed);
  const others = runs.filter((run) => run.runId !== runId).map((run) => run.runId);
  // Sealed by a watchdog meanwhile, or nothing of it had to be undone: then there is no run to be recovered.
  const own = runs.find((run) => run.runId === runId);
  const unsealed = own === undefined ? !sealedBefore : !own.sealed;
  return [
    ...(exit === 0 ? [] : [`drill recover exits ${exit}`]),
    ...failed.map((text) => `not undone: ${text}`),
    ...others.map((id) => `drill recover found another run: ${id}`),
    ...(unsealed ? ['drill recover did not seal the record'] : []),
    ...(again.exit === 0 && again.runs.length === 0 ? [] : ['drill recover found something to do again']),
    ...(verifyExit === 0 ? [] : [`drill verify exits ${verifyExit}`]),
  ];
}

function recordTroubles({ record: { status, entries, problems } }: Seen): string[] {
  const left = pendingUndo(entries).map(({ describe }) => `begun and not undone: ${describe}`);
  const end = entries.findLast(({ kind }) => kind === 'drill.ended');
  const execution = executionOf(end);
  return [
    ...(status === 'sealed' ? [] : [`the record is ${status}`]),
    ...problems.map((problem) => `the record: ${JSON.stringify(problem)}`),
    ...left,
    ...(execution === 'interrupted' ? [] : [`the record says ${execution}, not interrupted`]),
  ];
}

function executionOf(end: Entry | undefined): string {
  const body = end?.body as { readonly execution?: string } | undefined;
  return body?.execution ?? 'nothing of its end';
}

function loadTroubles({ killed, after }: Seen): string[] {
  const named = [
    ['run', killed],
    ['load after it', after],
  ] as const;
  return named.flatMap(([what, { judgement }]) => {
    const { acknowledged, lost, duplicates, oversold, verdict, reasons } = judgement;
    return [
      ...(acknowledged > 0 ? [] : [`${what}: nothing was acknowledged`]),
      ...(lost.length === 0 ? [] : [`${what}: ${lost.length} lost`]),
      ...(duplicates.length === 0 ? [] : [`${what}: ${duplicates.length} duplicates`]),
      ...(oversold.length === 0 ? [] : [`${what}: ${oversold.length} oversold`]),
      ...(verdict === 'fail' ? reasons.map((text) => `${what}: ${text}`) : []),
    ];
  });
}
