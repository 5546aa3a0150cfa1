import { UpliftError } from '../../core/error.ts';
import type { ExitCode } from '../../core/exit.ts';
import { newRunId } from '../../core/ids.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { Action, Deps } from '../../deps.ts';
import { exitOfDrill } from '../../drills/judge.ts';
import { presentBrokerLoss } from '../../drills/kafka-broker-loss/present.ts';
import { runBrokerLoss } from '../../drills/kafka-broker-loss/run.ts';
import {
  type BrokerLossOptions,
  type BrokerLossResult,
  DRILL_ID,
} from '../../drills/kafka-broker-loss/types.ts';
import { makeRunFolder } from '../../drills/run-folder.ts';
import type { Journal } from '../../record/journal.ts';
import { openJournal } from '../../record/open.ts';
import { confirm } from '../shared/confirm.ts';
import { endJournal } from '../shared/end-journal.ts';
import { openOneRegion, type Region } from '../shared/region.ts';
import type { RunInput } from './index.ts';
import { unitsOf, withDrillPorts } from './ports.ts';

/** `uplift drill run kafka-broker-loss`: confirm, run, seal the record, whatever happened. */
export const runCommand: Action<RunInput> = async (deps, input) => {
  if (input.drill !== DRILL_ID)
    throw new UpliftError('UPL-USAGE', {
      message: `There is no drill "${input.drill}"; there is ${DRILL_ID}.`,
      next: `uplift drill run ${DRILL_ID}`,
    });
  const region = await openOneRegion(deps);
  const { environment } = region.project.config.value;
  const units = unitsOf(region);
  await confirm(deps, {
    yes: input.yes,
    environment,
    question: `Kill a Kafka broker of ${region.config.name}?`,
    command: `uplift drill run ${DRILL_ID}`,
  });
  const runId = newRunId();
  const folder = await makeRunFolder(region.project.stateDir, runId);
  const { limits } = region.project.config.value;
  const options: BrokerLossOptions = {
    runId,
    region: region.config.name,
    environment: environment.name,
    folder,
    stateDir: region.project.stateDir,
    units,
    gateways: region.config.service?.gateways ?? [],
    ratePerS: input.rate,
    baselineMs: input.baseline * 1000,
    seed: input.seed,
    recoveryTargetMs: limits.recovery,
    timeoutMs: limits.requestTimeout,
  };
  const journal = await openJournal(folder.journal, {
    runId,
    actor: `drill.run pid ${process.pid}`,
    clock: deps.clock,
  });
  try {
    return await journaledRun(deps, region, journal, options);
  } finally {
    await journal.close();
  }
};

async function journaledRun(
  deps: Deps,
  region: Region,
  journal: Journal,
  options: BrokerLossOptions,
): Promise<Outcome> {
  let result: BrokerLossResult;
  try {
    result = await withDrillPorts(deps, region, journal, (ports) => runBrokerLoss(ports, options));
  } catch (error) {
    await endJournal(journal, 'drill.ended', error, deps.signal);
    throw error;
  }
  const exit: ExitCode = exitOfDrill(result);
  await journal.append('drill.ended', { execution: 'completed', exit });
  const seal = await journal.seal();
  return {
    exit,
    kind: 'drill.run',
    data: { result, record: { path: options.folder.journal, lines: seal.count + 1, head: seal.head } },
    blocks: presentBrokerLoss(result, { lines: seal.count + 1, head: seal.head }, { allLost: false }),
  };
}
