import { mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { descendantsOf, type ProcEntry, procEntry } from '../clients/process/proc-table.ts';
import { isUpliftError, UpliftError } from '../core/error.ts';
import { waitFor } from '../core/wait.ts';

/**
 * Who is at work on a sandbox beside its units: the `up` that makes it, and the short-lived tools that it runs. Each
 * has a file `<sandbox>/under-way/<role>-<pid>` with its kernel start time, so that `down`, from any process, knows
 * what could still write or start something after a killed or a running `up`.
 */
export type Role = 'up' | 'tool';

/** An interrupted `up` stops all that it started before it ends. */
const UP_ENDS_MS = 60_000;
const GONE_MS = 10_000;
const TRIES = 20;

export const UNDER_WAY = 'under-way';
const folderOf = (dir: string): string => join(dir, UNDER_WAY);

/** Notes a living process; the answer forgets it again. Throws when the sandbox's folder is gone. */
export async function noteUnderWay(dir: string, role: Role, pid: number): Promise<() => Promise<void>> {
  const file = join(folderOf(dir), `${role}-${pid}`);
  const entry = await procEntry(pid);
  await writeNote(dir, file, entry?.startTime ?? '');
  return async () => {
    await rm(file, { force: true });
    await rmdir(folderOf(dir)).catch(ifStillNeeded);
  };
}

/** Whoever forgets the last note takes the folder away, and may do so between our two steps. */
async function writeNote(dir: string, file: string, text: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    await mkdir(folderOf(dir)).catch(ifThere);
    try {
      await writeFile(file, text);
      return;
    } catch (error) {
      if (tries === TRIES || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

/**
 * Ends whoever is at work on a sandbox, this process excepted: an `up` is asked and given time to take back what it
 * made, its tools are killed with their children. Answers whether an `up` was interrupted. Throws UPL-SANDBOX-STOP.
 */
export async function endUnderWay(dir: string): Promise<boolean> {
  const ups = await living(dir, 'up');
  for (const up of ups) signal(up, 'SIGTERM');
  await endOf(ups, UP_ENDS_MS);
  const tools = await living(dir, 'tool');
  const children = (await Promise.all(tools.map(({ pid }) => descendantsOf(pid)))).flat();
  for (const tool of [...tools, ...children]) signal(tool, 'SIGKILL');
  await endOf([...tools, ...children], GONE_MS);
  // This process's own note is taken away by itself.
  for (const { file, pid } of await notes(dir)) if (pid !== process.pid) await rm(file, { force: true });
  await rmdir(folderOf(dir)).catch(ifStillNeeded);
  return ups.length > 0;
}

interface Note {
  readonly file: string;
  readonly role: string;
  readonly pid: number;
}

async function notes(dir: string): Promise<Note[]> {
  const names = await readdir(folderOf(dir)).catch((): string[] => []);
  return names.flatMap((name) => {
    const [, role, pid] = /^(up|tool)-(\d+)$/.exec(name) ?? [];
    return role === undefined ? [] : [{ file: join(folderOf(dir), name), role, pid: Number(pid) }];
  });
}

/** Noted processes that are still the ones noted. */
async function living(dir: string, role: Role): Promise<ProcEntry[]> {
  const found: ProcEntry[] = [];
  for (const note of await notes(dir)) {
    if (note.role !== role || note.pid === process.pid) continue;
    const startTime = await readFile(note.file, 'utf8').catch(() => undefined);
    const entry = await procEntry(note.pid);
    if (entry !== undefined && entry.startTime === startTime) found.push(entry);
  }
  return found;
}

function signal({ pid }: ProcEntry, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function endOf(processes: readonly ProcEntry[], timeoutMs: number): Promise<void> {
  const gone = async (): Promise<boolean> => {
    const now = await Promise.all(processes.map(({ pid }) => procEntry(pid)));
    return now.every((entry, at) => entry?.startTime !== processes[at]?.startTime);
  };
  const pids = processes.map(({ pid }) => pid).join(', ');
  try {
    await waitFor(gone, { what: `process ${pids} ended`, timeoutMs, intervalMs: 50 });
  } catch (error) {
    if (!isUpliftError(error, 'UPL-DEADLINE')) throw error;
    throw new UpliftError('UPL-SANDBOX-STOP', {
      message: `Process ${pids} is still at work on this sandbox, ${timeoutMs / 1000} s after it was told to end.`,
      next: `kill -9 ${pids.replaceAll(',', '')}, then uplift sandbox down again`,
      cause: error,
    });
  }
}

function ifThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

function ifStillNeeded(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST' && error.code !== 'ENOENT') throw error;
}
