import { hostname } from 'node:os';
import type { Block } from '../../core/blocks.ts';
import { reasonOf, UpliftError } from '../../core/error.ts';
import { EXIT, type ExitCode } from '../../core/exit.ts';
import { waitFor } from '../../core/wait.ts';
import type { Action, Deps } from '../../deps.ts';
import type { GivenUp } from '../../drills/record/context.ts';
import { findRun, type RunFolder, runActor, unfinishedRuns } from '../../drills/run-folder.ts';
import { readRecord } from '../../record/open.ts';
import { writerOf } from '../../record/writer-claim.ts';
import { openRegions } from '../shared/region.ts';
import { userName } from '../shared/user-name.ts';
import type { RecoverInput } from './index.ts';
import { type Attempt, notRecovered, type Recovered, recoverRun } from './recover-run.ts';

/**
 * `uplift drill recover`: for each unfinished run, undo what its journal says was begun, newest first. Needs nobody's
 * consent and takes no abort: it only puts things back. Idempotent. One that cannot be recovered does not stop the others.
 * A run that another host claims is left to it, unless `--take-over` names that host.
 */
export const recoverCommand: Action<RecoverInput> = async (deps, input) => {
  const giveUp = givenUp(input);
  const regions = await openRegions(deps);
  const journalDir = regions[0]?.project.journalDir ?? '';
  const folders =
    input.run === undefined
      ? (await unfinishedRuns(journalDir)).map(({ folder }) => folder)
      : [await findRun(journalDir, input.run)];
  const attempts: Attempt[] = [];
  for (const folder of folders) {
    try {
      await afterOthers(deps, folder);
      attempts.push(
        await recoverRun(deps, regions, folder, {
          actor: `drill.recover pid ${process.pid}`,
          takeOver: input.takeOver,
          giveUp,
        }),
      );
    } catch (error) {
      // Alone it keeps its own code; beside others it is one of those that are not put back.
      if (folders.length === 1) throw error;
      attempts.push(notRecovered(folder.runId, [reasonOf(error)]));
    }
  }
  const recovered = attempts.map((attempt) => attempt.recovered);
  const bad = recovered.some(({ failed }) => failed.length > 0);
  const unrecorded = attempts.find((attempt) => attempt.unrecorded !== undefined)?.unrecorded;
  if (unrecorded !== undefined && !bad) throw unrecorded;
  const exit: ExitCode = bad ? EXIT.notRestored : EXIT.ok;
  return { exit, kind: 'drill.recover', data: { runs: recovered }, blocks: present(recovered) };
};

/** One run at a time, by its id: what is given up has to be known. */
function givenUp({ run, giveUp: reason }: RecoverInput): GivenUp | undefined {
  if (reason === undefined) return undefined;
  if (run !== undefined && reason.trim() !== '') return { user: userName(), host: hostname(), reason };
  throw new UpliftError('UPL-INPUT-INVALID', {
    message: '--give-up is for one run and takes its reason.',
    next: 'uplift drill recover <run> --give-up "<reason>"',
  });
}

const WATCHDOG_MS = 10 * 60_000;

/** Somebody else who puts the run back already, its watchdog as a rule, is waited for; a run that goes on is not. */
async function afterOthers(deps: Deps, { journal }: RunFolder): Promise<void> {
  const record = await readRecord(journal);
  const own = record.entries[0]?.actor;
  const other = async (): Promise<number | undefined> => {
    const pid = await writerOf(journal);
    return own === runActor(pid ?? 0) ? undefined : pid;
  };
  const pid = await other();
  if (pid === undefined) return;
  const text = `process ${pid} is putting things back already: waiting for it`;
  deps.progress({ phase: 'restore', state: 'running', text });
  await waitFor(async () => (await other()) === undefined, {
    what: `process ${pid} done with ${journal}`,
    timeoutMs: WATCHDOG_MS,
    intervalMs: 200,
  });
}

function present(recovered: readonly Recovered[]): Block[] {
  const [first] = recovered;
  if (first === undefined)
    return [{ kind: 'verdict', text: 'Nothing to recover: every run is restored.', mark: 'ok' }];
  const rows = recovered.map(({ runId, undone, failed, sealed }) => [
    runId,
    sealed && undone.length === 0 && failed.length === 0
      ? 'nothing was left to undo'
      : undone.map((what) => `undone: ${what}`).join('; ') || '–',
    failed.join('; ') || '–',
  ]);
  const bad = recovered.filter(({ failed }) => failed.length > 0);
  const table: Block = {
    kind: 'table',
    columns: [{ title: 'RUN' }, { title: 'PUT BACK' }, { title: 'NOT PUT BACK' }],
    rows,
  };
  const [worst] = bad;
  if (worst === undefined)
    return [
      table,
      {
        kind: 'verdict',
        text: 'RESTORED: everything that was begun is undone.',
        mark: 'ok',
      },
    ];
  const left = bad.length === 1 ? '1 run' : `${bad.length} runs`;
  const text =
    worst.givenUp === undefined
      ? `NOT RESTORED: ${left}.`
      : 'NOT RESTORED, GIVEN UP: nobody puts this back any more; drills may run again.';
  return [
    table,
    { kind: 'verdict', text, mark: 'bad' },
    { kind: 'next', command: `uplift drill ${worst.sealed ? 'show' : 'recover'} ${worst.runId}` },
  ];
}
