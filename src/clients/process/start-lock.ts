import { randomBytes } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { waitFor } from '../../core/wait.ts';
import { procEntry } from './proc-table.ts';

/** A process and its start time, as the lock file names its holder. */
export async function ownMark(): Promise<string> {
  const own = await procEntry(process.pid);
  return `${process.pid} ${own?.startTime ?? ''}`;
}

/**
 * Takes a lock file, across processes, and answers how to give it back. That of a process which is gone is taken away
 * from it. A missed deadline is UPL-DEADLINE.
 */
export async function takeLock(
  file: string,
  wait: { readonly what: string; readonly timeoutMs: number },
): Promise<() => Promise<void>> {
  const mark = await ownMark();
  await waitFor(() => tryLock(file, mark), { ...wait, intervalMs: 50 });
  return () => rm(file, { force: true });
}

async function tryLock(file: string, mark: string): Promise<boolean> {
  const draft = `${file}.${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    await writeFile(draft, mark, { flag: 'wx' });
    await link(draft, file); // link(2) is atomic and the lock is never seen empty
    return true;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    const holder = await readMark(file);
    if (holder !== undefined && (await isGone(holder))) await removeOf(file, holder, mark);
    return false;
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * Removes the lock of a holder that is gone, unless it is somebody else's by now. Between that look and the removal
 * nobody else may remove it: a waiter that comes late would take away the lock of one that has it. So the right to
 * remove the lock of this one holder is a lock of its own, and who holds that looks again.
 */
export async function removeOf(file: string, gone: string, mark: string): Promise<void> {
  const right = `${file}.of-${gone.replace(/\W+/g, '-')}`;
  // The right of a process that died with it is taken away in the same manner; whoever waits comes again.
  if (!(await tryLock(right, mark))) return;
  try {
    if ((await readMark(file)) === gone) await rm(file, { force: true });
  } finally {
    await rm(right, { force: true });
  }
}

const readMark = (file: string): Promise<string | undefined> =>
  readFile(file, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });

async function isGone(mark: string): Promise<boolean> {
  const [pid, ...startTime] = mark.split(' ');
  const holder = await procEntry(Number(pid));
  return holder === undefined || holder.startTime !== startTime.join(' ');
}
