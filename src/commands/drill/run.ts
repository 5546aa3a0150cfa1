import { UpliftError } from '../../core/error.ts';
import type { ExitCode } from '../../core/exit.ts';
import { newRunId } from '../../core/ids.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { Json } from '../../core/step.ts';
import type { Action, Deps } from '../../deps.ts';
import { drillOf } from '../../drills/catalogue.ts';
import type { Drill, DrillOptions } from '../../drills/engine/drill.ts';
import { exitOfDrill } from '../../drills/engine/judge.ts';
import { presentDrill } from '../../drills/engine/present.ts';
import { requireMet } from '../../drills/engine/refuse.ts';
import type { DrillResult } from '../../drills/engine/result.ts';
import { runDrill } from '../../drills/engine/run.ts';
import { CONTEXT_KIND } from '../../drills/record/context.ts';
import { type DrillEnd, endDrill } from '../../drills/record/seal.ts';
import { makeRunFolder, runActor } from '../../drills/run-folder.ts';
import { type StartedWatchdog, startWatchdog, type WatchdogRequest } from '../../drills/watchdog/start.ts';
import type { Journal } from '../../record/journal.ts';
import type { SigningKey } from '../../record/keys.ts';
import { openJournal } from '../../record/open.ts';
import { confirm } from '../shared/confirm.ts';
import { endJournal } from '../shared/end-journal.ts';
import { openOneRegion, type Region } from '../shared/region.ts';
import { drillContext } from './context.ts';
import type { RunInput } from './index.ts';
import { signingKey } from './keys.ts';
import { drillOptions } from './options.ts';
import { permission } from './permission.ts';
import { withDrillPorts } from './ports.ts';
import { toldJournal } from './told.ts';
import { type Watched, watchRun } from './view.ts';

/** `uplift drill run ID`: confirm, run, seal and sign the record, whatever happened. */
export const runCommand: Action<RunInput> = async (deps, input) => {
  const drill = drillOf(input.drill);
  const region = await openOneRegion(deps);
  const { environment } = region.project.config.value;
  // What forbids every drill is said before anybody is asked anything.
  requireMet(await permission(deps, region.project).before());
  const runId = newRunId();
  const options = { ...drillOptions(region, input, runId), keepProbe: input.keepProbe === true };
  if (environment.production && (input.approver ?? '').trim() === '')
    throw approverMissing(environment.name, drill);
  const key = await signingKey(deps, region.project);
  await confirm(deps, {
    yes: input.yes,
    environment,
    question: drill.question(region.config.name),
    command: `uplift drill run ${drill.id}`,
  });
  const folder = await makeRunFolder(region.project.journalDir, runId);
  const journal = await openJournal(folder.journal, {
    runId,
    actor: runActor(process.pid),
    clock: deps.clock,
  });
  let watchdog: StartedWatchdog | undefined;
  const watched = async (): Promise<StartedWatchdog> => {
    watchdog = await startWatchdog(watchdogOf(deps, region, options));
    deps.answerImpatience(impatient(runId));
    return watchdog;
  };
  try {
    const { approver, allowNoLock } = input;
    const view = await watchRun(deps, drill.id, input.plain === true);
    const run = { drill, journal, options, key, approver, allowNoLock, watched, view };
    return await journaledRun(deps, region, run).finally(() => view.close());
  } finally {
    await journal.close().finally(() => watchdog?.finish());
  }
};

/** A second Ctrl-C ends nothing; whoever wants to leave at once may. */
const impatient = (runId: string): string =>
  `Still putting things back. It goes on without this process too (kill -9 ${process.pid}). How it ended: uplift drill show ${runId}`;

/** This program again, with the same configuration wherever it was found; it needs one region only. */
function watchdogOf(deps: Deps, region: Region, { runId, folder }: DrillOptions): WatchdogRequest {
  const { configFile, stateDir } = region.project;
  const flags = ['--config', configFile, '--state-dir', stateDir, '--region', region.config.name];
  const argv = [...deps.program, 'drill', 'watchdog', runId, ...flags, '--output', 'text'];
  return { argv, cwd: deps.cwd, env: deps.env, logFile: folder.watchdogLog, clock: deps.clock };
}

function approverMissing(environment: string, drill: Drill): UpliftError {
  return new UpliftError('UPL-CONFIRMATION-NEEDED', {
    message: `${environment} is a production environment: a drill there needs the name of who approved it.`,
    next: `uplift drill run ${drill.id} --approver <name>`,
  });
}

interface JournaledRun {
  readonly drill: Drill;
  readonly journal: Journal;
  readonly options: DrillOptions;
  readonly key: SigningKey;
  readonly approver: string | undefined;
  readonly allowNoLock: boolean;
  readonly watched: () => Promise<StartedWatchdog>;
  readonly view: Watched;
}

async function journaledRun(deps: Deps, region: Region, run: JournaledRun): Promise<Outcome> {
  const { drill, journal, options, key, approver, allowNoLock, watched } = run;
  const { live, progress } = run.view;
  const what = `drill ${drill.id} (run ${options.runId})`;
  const given = { journal: toldJournal(journal, live), allowNoLock, what, watchdog: watched, live };
  const end = (ended: DrillEnd['ended']) => endDrill({ journal, folder: options.folder, key, ended });
  let result: DrillResult;
  try {
    result = await withDrillPorts({ ...deps, progress }, region, given, async (ports) => {
      const context = await drillContext(deps, region, ports, approver);
      await journal.append(CONTEXT_KIND, context as unknown as Json);
      return runDrill(drill, ports, options);
    });
  } catch (error) {
    await endJournal(journal, 'drill.ended', error, deps.signal, end);
    throw error;
  }
  const exit: ExitCode = exitOfDrill(result);
  const seal = await end({ execution: result.execution, exit });
  const record = { lines: seal.count + 1, head: seal.head, signedBy: key.keyId };
  return {
    exit,
    kind: 'drill.run',
    data: { result, record: { path: options.folder.journal, ...record } },
    blocks: presentDrill(result, record, { allLost: false }),
  };
}
