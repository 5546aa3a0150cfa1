import { openCluster, openTopics } from '../../clients/kafka/index.ts';
import { openRedisNodes } from '../../clients/redis/index.ts';
import type { Block } from '../../core/blocks.ts';
import { isUpliftError, reasonOf, type UpliftError } from '../../core/error.ts';
import { EXIT, type ExitCode } from '../../core/exit.ts';
import type { Action, Deps } from '../../deps.ts';
import { putBack, unrecordedOf } from '../../drills/engine/restore.ts';
import { outcomeOf } from '../../drills/record/outcome.ts';
import { endDrill } from '../../drills/record/seal.ts';
import { findRun, type RunFolder, unfinishedRuns } from '../../drills/run-folder.ts';
import type { DrillStepContext } from '../../drills/steps.ts';
import type { Entry } from '../../record/envelope.ts';
import type { Journal } from '../../record/journal.ts';
import { readRecord, resumeJournal } from '../../record/open.ts';
import { openRegions, type Region } from '../shared/region.ts';
import type { RecoverInput } from './index.ts';
import { signingKeyOrWhy } from './keys.ts';
import { stepContext } from './ports.ts';

interface Recovered {
  readonly runId: string;
  readonly undone: readonly string[];
  readonly failed: readonly string[];
  readonly sealed: boolean;
}

interface Attempt {
  readonly recovered: Recovered;
  /** Everything is back, but the journal took no lines. */
  readonly unrecorded?: UpliftError | undefined;
}

/**
 * `uplift drill recover`: for each unfinished run, undo what its journal says was begun, newest first. Needs nobody's
 * consent and takes no abort: it only puts things back. Idempotent. One that cannot be recovered does not stop the others.
 * A run that another host claims is left to it, unless `--take-over` names that host.
 */
export const recoverCommand: Action<RecoverInput> = async (deps, input) => {
  const regions = await openRegions(deps);
  const journalDir = regions[0]?.project.journalDir ?? '';
  const folders =
    input.run === undefined
      ? (await unfinishedRuns(journalDir)).map(({ folder }) => folder)
      : [await findRun(journalDir, input.run)];
  const attempts: Attempt[] = [];
  for (const folder of folders) {
    try {
      attempts.push(await recoverRun(deps, regions, folder, input.takeOver));
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

async function recoverRun(
  deps: Deps,
  regions: readonly Region[],
  folder: RunFolder,
  takeOver: string | undefined,
): Promise<Attempt> {
  const record = await readRecord(folder.journal);
  const { runId } = folder;
  if (record.status === 'sealed')
    return { recovered: { runId, undone: [], failed: leftAtSeal(record.entries), sealed: true } };
  const region = regionOf(regions, record.entries);
  if (region === undefined) return notRecovered(runId, ['its region is not in uplift.yaml']);
  const journal = await journalOf(deps, folder, takeOver);
  const cluster = openCluster(region.kafka);
  const topics = openTopics(region.kafka);
  const redis = openRedisNodes({ timeoutMs: region.project.config.value.limits.requestTimeout });
  const context: DrillStepContext = {
    ...stepContext(deps, region, { cluster, topics, redis }),
    onRestore: (text) => deps.progress({ phase: 'restore', state: 'running', text }),
  };
  try {
    const back = await putBack({ journal, journalPath: folder.journal, context });
    const failed = back.failed.map(({ pending, error }) => `${pending.describe}: ${reasonOf(error)}`);
    const unrecorded = unrecordedOf(runId, back);
    const sealed = failed.length === 0 && unrecorded === undefined;
    if (sealed) {
      const key = await signingKeyOrWhy(deps, region.project);
      await endDrill({
        journal,
        folder,
        key,
        ended: { execution: 'interrupted', recovered: true, undone: back.undone },
      });
    }
    const state = failed.length === 0 ? 'done' : 'failed';
    deps.progress({ phase: 'restore', state, text: `run ${runId}` });
    return { recovered: { runId, undone: back.undone, failed, sealed }, unrecorded };
  } finally {
    await Promise.allSettled([cluster.close(), topics.close(), redis.close(), journal.close()]);
  }
}

/** The run's journal to go on with. On a full disk one that refuses every line: things are put back all the same. */
async function journalOf(
  deps: Deps,
  { journal: path, runId }: RunFolder,
  takeOver: string | undefined,
): Promise<RestoreJournal> {
  const actor = `drill.recover pid ${process.pid}`;
  try {
    return await resumeJournal(path, { runId, actor, clock: deps.clock, takeOver });
  } catch (error) {
    if (!isUpliftError(error, 'UPL-CANNOT-WRITE')) throw error;
    const refuse = (): Promise<never> => Promise.reject(error);
    return { append: refuse, seal: refuse, close: async () => undefined };
  }
}

type RestoreJournal = Pick<Journal, 'append' | 'seal' | 'close'>;

const notRecovered = (runId: string, failed: readonly string[]): Attempt => ({
  recovered: { runId, undone: [], failed, sealed: false },
});

/** The region that the journal names. Another one is never put in its place: its cluster has the same topics and ids. */
function regionOf(regions: readonly Region[], entries: readonly Entry[]): Region | undefined {
  const started = entries.find(({ kind }) => kind === 'drill.started')?.body as
    | { readonly region?: string }
    | undefined;
  const name = started?.region;
  if (name !== undefined) return regions.find(({ config }) => config.name === name);
  return regions.length === 1 ? regions[0] : undefined;
}

/** What a sealed record says was not as before: nothing of it can be undone by its steps any more. */
function leftAtSeal(entries: readonly Entry[]): readonly string[] {
  const outcome = outcomeOf(entries);
  if (outcome?.restored !== 'notRestored') return [];
  const differences = outcome.result?.topologyDiff ?? [];
  return differences.length > 0 ? differences : ['its record says that it was not restored'];
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
        text: 'RESTORED: everything that was begun is undone; topology difference empty.',
        mark: 'ok',
      },
    ];
  return [
    table,
    { kind: 'verdict', text: `NOT RESTORED: ${bad.length} runs.`, mark: 'bad' },
    { kind: 'next', command: `uplift drill ${worst.sealed ? 'show' : 'recover'} ${worst.runId}` },
  ];
}
