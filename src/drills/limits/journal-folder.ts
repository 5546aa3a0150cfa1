import { randomUUID } from 'node:crypto';
import { link, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from '../../core/error.ts';
import { withDeadline } from '../../core/wait.ts';
import { createAppendFile } from '../../record/append-file.ts';

const TRY_MS = 5000;

/**
 * Why a journal folder would not keep a journal, or undefined: it does everything there that a drill will do (a new file,
 * fsync of it and of the folder, a second name as the claim of a writer), and takes it away again. The folder itself is
 * never made: where a share is not mounted, that would be a folder of this machine.
 */
export async function journalFolderTrouble(dir: string, timeoutMs = TRY_MS): Promise<string | undefined> {
  try {
    return await withDeadline(`a file on disk in ${dir}`, timeoutMs, tryOut(dir));
  } catch (error) {
    return reasonOf(error);
  }
}

async function tryOut(dir: string): Promise<string | undefined> {
  const isFolder = await stat(dir).then((found) => found.isDirectory());
  if (!isFolder) return `${dir} is no folder`;
  const path = join(dir, `.uplift-${randomUUID()}`);
  try {
    const file = await createAppendFile(path);
    try {
      await file.append(Buffer.from('\n'));
      await file.sync();
    } finally {
      await file.close();
    }
    await link(path, `${path}.claim`);
    return undefined;
  } finally {
    await Promise.all([rm(path, { force: true }), rm(`${path}.claim`, { force: true })]);
  }
}
