import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { reasonOf, UpliftError } from '../core/error.ts';
import { syncFolder } from '../record/append-file.ts';
import { readRecord } from '../record/open.ts';
import { JOURNAL_FILE } from '../record/statement.ts';
import type { RecordView } from '../record/verify.ts';
import { pendingUndo } from '../steps/journal-kinds.ts';

export const HISTORY_FILE = 'history.ndjson';
export const PROBE_FILE = 'probe.ndjson';

/** Files of one run: `<journal folder>/runs/<run id>/`. */
export interface RunFolder {
  readonly runId: string;
  readonly dir: string;
  readonly journal: string;
  readonly history: string;
  /** What the store probe of the drill wrote, if it has one. */
  readonly probe: string;
  /** What its watchdog printed. */
  readonly watchdogLog: string;
}

/** Who writes the lines of a run itself. */
export const runActor = (pid: number): string => `drill.run pid ${pid}`;

/** Where a run's files are; nothing is made. */
export function runFolder(journalDir: string, runId: string): RunFolder {
  return runFolderAt(join(journalDir, 'runs', runId), runId);
}

/** The same files wherever their folder is now: records are carried to whoever checks them. */
export function runFolderAt(dir: string, runId: string): RunFolder {
  return {
    ...{ runId, dir, journal: join(dir, JOURNAL_FILE) },
    ...{ history: join(dir, HISTORY_FILE), probe: join(dir, PROBE_FILE) },
    watchdogLog: join(dir, 'watchdog.log'),
  };
}

/** Makes the folder of a new run. Throws UPL-CANNOT-WRITE. */
export async function makeRunFolder(journalDir: string, runId: string): Promise<RunFolder> {
  const folder = runFolder(journalDir, runId);
  await makeDurably(folder.dir).catch((cause: unknown) => {
    throw new UpliftError('UPL-CANNOT-WRITE', {
      message: `${folder.dir} cannot be made: ${reasonOf(cause)}.`,
      next: `df -h ${journalDir}`,
      cause,
    });
  });
  return folder;
}

/** A folder's name is in the folder above it, and lasts once that one is synced. */
async function makeDurably(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  const runs = dirname(dir);
  await syncFolder(runs);
  await syncFolder(dirname(runs));
}

/** Whether the name of a folder is that of a run. */
export const isRunId = (name: string): boolean => /^[0-9a-f-]{36}$/.test(name);

/** Run ids in time order (UUIDv7 sorts by time); none where nothing ever ran. */
export async function listRuns(journalDir: string): Promise<string[]> {
  const names = await readdir(join(journalDir, 'runs')).catch(() => [] as string[]);
  return names.filter(isRunId).toSorted();
}

/** The one run an id or its beginning names; none or several is UPL-INPUT-INVALID. */
export async function findRun(journalDir: string, start: string): Promise<RunFolder> {
  const found = (await listRuns(journalDir)).filter((id) => id.startsWith(start));
  const [only] = found;
  if (only !== undefined && found.length === 1) return runFolder(journalDir, only);
  const message =
    only === undefined
      ? `There is no run ${start} in ${journalDir}.`
      : `${found.length} runs begin with ${start}: ${found.join(', ')}.`;
  throw new UpliftError('UPL-INPUT-INVALID', { message });
}

/** A run whose journal was never sealed and that has steps begun and not undone. */
export interface UnfinishedRun {
  readonly folder: RunFolder;
  readonly record: RecordView;
}

/** Unfinished runs, oldest first. A journal that cannot be read is left out: it has its own error in `drill show`. */
export async function unfinishedRuns(journalDir: string): Promise<UnfinishedRun[]> {
  const unfinished: UnfinishedRun[] = [];
  for (const runId of await listRuns(journalDir)) {
    const folder = runFolder(journalDir, runId);
    const record = await readRecord(folder.journal).catch(() => undefined);
    if (record !== undefined && record.status !== 'sealed' && pendingUndo(record.entries).length > 0)
      unfinished.push({ folder, record });
  }
  return unfinished;
}

/** Ids of unfinished runs, oldest first. */
export async function unfinishedIds(journalDir: string): Promise<string[]> {
  return (await unfinishedRuns(journalDir)).map(({ folder }) => folder.runId);
}
