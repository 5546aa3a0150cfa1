import { openCluster, openTopics } from '../../clients/kafka/index.ts';
import { openRedisNodes } from '../../clients/redis/index.ts';
import { isUpliftError, reasonOf, type UpliftError } from '../../core/error.ts';
import type { Json } from '../../core/step.ts';
import type { Deps } from '../../deps.ts';
import { putBack, unrecordedOf } from '../../drills/engine/restore.ts';
import { GIVEN_UP_KIND, type GivenUp } from '../../drills/record/context.ts';
import { outcomeOf } from '../../drills/record/outcome.ts';
import { type DrillEnd, endDrill } from '../../drills/record/seal.ts';
import type { RunFolder } from '../../drills/run-folder.ts';
import type { DrillStepContext } from '../../drills/steps.ts';
import type { Entry } from '../../record/envelope.ts';
import type { Journal } from '../../record/journal.ts';
import { readRecord, resumeJournal } from '../../record/open.ts';
import type { Region } from '../shared/region.ts';
import { signingKeyOrWhy } from './keys.ts';
import { stepContext } from './ports.ts';

export interface Recovered {
  readonly runId: string;
  readonly undone: readonly string[];
  readonly failed: readonly string[];
  readonly sealed: boolean;
  /** Why the failed ones are left as they are; absent: they are not given up. */
  readonly givenUp?: string;
}

export interface Attempt {
  readonly recovered: Recovered;
  /** Everything is back, but the journal took no lines. */
  readonly unrecorded?: UpliftError | undefined;
}

/** Who puts a run back, as its journal names them: whoever typed `drill recover`, or the run's watchdog. */
export interface Restorer {
  readonly actor: string;
  /** A line before the first undo. */
  readonly begins?: { readonly kind: string; readonly body: Json };
  /** A host whose claim of the journal no longer counts. */
  readonly takeOver?: string | undefined;
  /** Why the run did not come to its own end, where that is known. */
  readonly reason?: string;
  /** What cannot be put back is left as it is, and the record sealed as not restored. */
  readonly giveUp?: GivenUp | undefined;
}

/**
 * Undoes what the journal of a run says was begun, newest first, and seals it once nothing is left, or once the rest is given
 * up. Idempotent; no signal ends it. Throws UPL-JOURNAL-HELD while somebody else is at it.
 */
export async function recoverRun(
  deps: Deps,
  regions: readonly Region[],
  folder: RunFolder,
  by: Restorer,
): Promise<Attempt> {
  const record = await readRecord(folder.journal);
  const { runId } = folder;
  // Of a record that somebody put in its place nobody can tell what this run had begun.
  const of = record.entries[0]?.runId;
  if (record.status === 'sealed') {
    const failed =
      of === undefined || of === runId
        ? leftAtSeal(record.entries)
        : [`its journal is the record of run ${of}`];
    return { recovered: { runId, undone: [], failed, sealed: true } };
  }
  const region = regionOf(regions, record.entries);
  if (region === undefined) return ofNoRegion(deps, regions[0], folder, by);
  const journal = await journalOf(deps, folder, by);
  const cluster = openCluster(region.kafka);
  const topics = openTopics(region.kafka);
  const redis = openRedisNodes({ timeoutMs: region.project.config.value.limits.requestTimeout });
  const context: DrillStepContext = {
    ...stepContext(deps, region, { cluster, topics, redis }),
    onRestore: (text) => deps.progress({ phase: 'restore', state: 'running', text }),
  };
  try {
    if (by.begins !== undefined) await journal.append(by.begins.kind, by.begins.body).catch(() => undefined);
    return await putBackAndSeal(deps, region, { folder, journal, context, by });
  } finally {
    await Promise.allSettled([cluster.close(), topics.close(), redis.close(), journal.close()]);
  }
}

async function putBackAndSeal(
  deps: Deps,
  region: Region,
  run: {
    readonly folder: RunFolder;
    readonly journal: RestoreJournal;
    readonly context: DrillStepContext;
    readonly by: Restorer;
  },
): Promise<Attempt> {
  const { folder, journal, context, by } = run;
  const { runId } = folder;
  const back = await putBack({ journal, journalPath: folder.journal, context });
  const failed = back.failed.map(({ pending, error }) => `${pending.describe}: ${reasonOf(error)}`);
  const unrecorded = unrecordedOf(runId, back);
  const state = failed.length === 0 ? 'done' : 'failed';
  deps.progress({ phase: 'restore', state, text: `run ${runId}` });
  if (failed.length > 0) {
    if (by.giveUp === undefined) return notRecovered(runId, failed, back.undone);
    const key = await signingKeyOrWhy(deps, region.project);
    return giveUp({ folder, journal, key }, by.giveUp, { failed, undone: back.undone });
  }
  if (unrecorded === undefined) {
    const key = await signingKeyOrWhy(deps, region.project);
    const ended = { execution: 'interrupted', recovered: true, undone: back.undone };
    const reason = by.reason === undefined ? {} : { reason: by.reason };
    await endDrill({ journal, folder, key, ended: { ...ended, ...reason } });
  }
  const sealed = unrecorded === undefined;
  return { recovered: { runId, undone: back.undone, failed, sealed }, unrecorded };
}

/** Seals a run as not restored. Throws UPL-CANNOT-WRITE: then it is not given up. */
async function giveUp(
  record: Pick<DrillEnd, 'folder' | 'key'> & { readonly journal: RestoreJournal },
  by: GivenUp,
  { failed, undone }: { readonly failed: readonly string[]; readonly undone: readonly string[] },
): Promise<Attempt> {
  const { runId } = record.folder;
  await record.journal.append(GIVEN_UP_KIND, { ...by, left: failed });
  const reason = `given up by ${by.user} on ${by.host}: ${by.reason}`;
  const ended = { execution: 'interrupted', recovered: false, undone, reason };
  await endDrill({ ...record, ended, givenUp: true });
  return { recovered: { runId, undone, failed, sealed: true, givenUp: by.reason } };
}

/** A run of a region that `uplift.yaml` has no more: nothing can be tried. */
async function ofNoRegion(
  deps: Deps,
  any: Region | undefined,
  folder: RunFolder,
  by: Restorer,
): Promise<Attempt> {
  const failed = ['its region is not in uplift.yaml'];
  if (by.giveUp === undefined || any === undefined) return notRecovered(folder.runId, failed);
  const journal = await journalOf(deps, folder, by);
  try {
    const key = await signingKeyOrWhy(deps, any.project);
    return await giveUp({ folder, journal, key }, by.giveUp, { failed, undone: [] });
  } finally {
    await journal.close();
  }
}

/** The run's journal to go on with. On a full disk one that refuses every line: things are put back all the same. */
async function journalOf(
  deps: Deps,
  { journal: path, runId }: RunFolder,
  { actor, takeOver }: Restorer,
): Promise<RestoreJournal> {
  try {
    return await resumeJournal(path, { runId, actor, clock: deps.clock, takeOver });
  } catch (error) {
    if (!isUpliftError(error, 'UPL-CANNOT-WRITE')) throw error;
    const refuse = (): Promise<never> => Promise.reject(error);
    return { append: refuse, seal: refuse, close: async () => undefined };
  }
}

type RestoreJournal = Pick<Journal, 'append' | 'seal' | 'close'>;

export const notRecovered = (
  runId: string,
  failed: readonly string[],
  undone: readonly string[] = [],
): Attempt => ({ recovered: { runId, undone, failed, sealed: false } });

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
