import type { ExitCode } from '../../core/exit.ts';
import { newRunId } from '../../core/ids.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { Action, Deps } from '../../deps.ts';
import { drillOf } from '../../drills/catalogue.ts';
import type { Drill, DrillOptions } from '../../drills/engine/drill.ts';
import { exitOfDrill } from '../../drills/engine/judge.ts';
import { presentDrill } from '../../drills/engine/present.ts';
import type { DrillResult } from '../../drills/engine/result.ts';
import { runDrill } from '../../drills/engine/run.ts';
import { makeRunFolder } from '../../drills/run-folder.ts';
import type { Journal } from '../../record/journal.ts';
import { openJournal } from '../../record/open.ts';
import { confirm } from '../shared/confirm.ts';
import { endJournal } from '../shared/end-journal.ts';
import { openOneRegion, type Region } from '../shared/region.ts';
import type { RunInput } from './index.ts';
import { drillOptions } from './options.ts';
import { withDrillPorts } from './ports.ts';

/** `uplift drill run ID`: confirm, run, seal the record, whatever happened. */
export const runCommand: Action<RunInput> = async (deps, input) => {
  const drill = drillOf(input.drill);
  const region = await openOneRegion(deps);
  const { environment } = region.project.config.value;
  const runId = newRunId();
  const options = drillOptions(region, input, runId);
  await confirm(deps, {
    yes: input.yes,
    environment,
    question: drill.question(region.config.name),
    command: `uplift drill run ${drill.id}`,
  });
  const folder = await makeRunFolder(region.project.stateDir, runId);
  const journal = await openJournal(folder.journal, {
    runId,
    actor: `drill.run pid ${process.pid}`,
    clock: deps.clock,
  });
  try {
    return await journaledRun(deps, region, { drill, journal, options, lock: !input.allowNoLock });
  } finally {
    await journal.close();
  }
};

async function journaledRun(
  deps: Deps,
  region: Region,
  run: {
    readonly drill: Drill;
    readonly journal: Journal;
    readonly options: DrillOptions;
    readonly lock: boolean;
  },
): Promise<Outcome> {
  const { drill, journal, options, lock } = run;
  const given = { journal, lock, what: `drill ${drill.id} (run ${options.runId})` };
  let result: DrillResult;
  try {
    result = await withDrillPorts(deps, region, given, (ports) => runDrill(drill, ports, options));
  } catch (error) {
    await endJournal(journal, 'drill.ended', error, deps.signal);
    throw error;
  }
  const exit: ExitCode = exitOfDrill(result);
  await journal.append('drill.ended', { execution: result.execution, exit });
  const seal = await journal.seal();
  const record = { lines: seal.count + 1, head: seal.head };
  return {
    exit,
    kind: 'drill.run',
    data: { result, record: { path: options.folder.journal, ...record } },
    blocks: presentDrill(result, record, { allLost: false }),
  };
}
