import { killExactly } from '../../clients/process/signal.ts';
import { UpliftError } from '../../core/error.ts';
import { EXIT } from '../../core/exit.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { Action, Deps } from '../../deps.ts';
import { findRun, type RunFolder } from '../../drills/run-folder.ts';
import { takeOver } from '../../drills/watchdog/take-over.ts';
import { type WatchEnd, watchRun } from '../../drills/watchdog/watch.ts';
import { readRecord } from '../../record/open.ts';
import { pendingUndo } from '../../steps/journal-kinds.ts';
import { openRegions, type Region } from '../shared/region.ts';
import type { WatchdogInput } from './index.ts';
import { recoverRun } from './recover-run.ts';

/**
 * The hidden `uplift drill watchdog RUN`, started by `drill run` as a session of its own: waits for the end of the run, and
 * where that is none of its own does what `drill recover RUN` does. Configuration and secrets are read before it says that
 * it watches; no signal but SIGKILL ends it.
 */
export const watchdogCommand: Action<WatchdogInput> = async (deps, input) => {
  if (process.send === undefined)
    throw new UpliftError('UPL-USAGE', {
      message: 'A watchdog is started by uplift drill run, and by nobody else.',
    });
  const regions = await openRegions(deps);
  const folder = await findRun(regions[0]?.project.journalDir ?? '', input.run);
  const end = await watchRun({ channel: process, clock: deps.clock, owes: () => owes(folder) });
  // A channel that stays open would keep this process, or the run, alive.
  if (process.connected) process.disconnect();
  if (end.how === 'finished') return outcome(folder, 'the run came to its own end', []);
  return restore(deps, regions, folder, { how: end.how, run: end.run });
};

/** A journal that cannot be read may say anything. */
async function owes({ journal }: RunFolder): Promise<boolean> {
  const record = await readRecord(journal).catch(() => undefined);
  return record === undefined || pendingUndo(record.entries).length > 0;
}

const WHY = {
  gone: 'its process died before the drill had come to its own end',
  silent: 'its process hung and was killed by its watchdog',
} as const;

async function restore(
  deps: Deps,
  regions: readonly Region[],
  folder: RunFolder,
  { how, run }: Pick<WatchEnd, 'run'> & { readonly how: keyof typeof WHY },
): Promise<Outcome> {
  const why = WHY[how];
  const left = await takeOver({
    clock: deps.clock,
    say: (line) => void deps.stderr.write(`${new Date(deps.clock.nowMs()).toISOString()} ${line}\n`),
    attempt: async (number) => {
      // Until the very process is seen to be gone it could go on breaking things beside us.
      if (run !== undefined) await killExactly([run]);
      const { recovered, unrecorded } = await recoverRun(deps, regions, folder, {
        actor: `drill.watchdog pid ${process.pid}`,
        begins: { kind: 'drill.takenOver', body: { how, try: number } },
        reason: `${why}; its watchdog put things back`,
      });
      return { left: [...recovered.failed, ...(unrecorded === undefined ? [] : [unrecorded.message])] };
    },
  });
  return outcome(folder, why, left);
}

/** Goes into the log of the watchdog; the record says the same. */
function outcome({ runId }: RunFolder, why: string, left: readonly string[]): Outcome {
  const data = { runId, why, left };
  if (left.length === 0)
    return {
      exit: EXIT.ok,
      kind: 'drill.watchdog',
      data,
      blocks: [{ kind: 'verdict', text: `${runId}: ${why}.`, mark: 'ok' }],
    };
  return {
    exit: EXIT.notRestored,
    kind: 'drill.watchdog',
    data,
    blocks: [
      { kind: 'verdict', text: `NOT RESTORED: ${left.join('; ')}`, mark: 'bad' },
      { kind: 'next', command: `uplift drill recover ${runId}` },
    ],
  };
}
