import { mkdir, open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { CONFIG_TEMPLATE } from '../../config/template.ts';
import { reasonOf, UpliftError } from '../../core/error.ts';
import { EXIT } from '../../core/exit.ts';
import type { Action } from '../../deps.ts';

/** Writes the commented template. An existing file is never touched, not even one that appears meanwhile (O_EXCL). */
export const init: Action<{ readonly file: string }> = async (deps, { file }) => {
  const path = resolve(deps.cwd, file);
  await writeNew(path, file);
  return {
    exit: EXIT.ok,
    kind: 'init',
    data: { file: path },
    blocks: [
      { kind: 'text', text: `Wrote ${file}: put the addresses of your platform into it.` },
      { kind: 'next', command: `edit ${file}, then: uplift --config ${file} config validate` },
    ],
  };
};

async function writeNew(path: string, shown: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(path, 'wx', 0o644);
    try {
      await handle.writeFile(CONFIG_TEMPLATE);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    const exists = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw new UpliftError('UPL-CANNOT-WRITE', {
      message: exists
        ? `${shown} exists already; init never overwrites.`
        : `${shown} cannot be written: ${reasonOf(error)}.`,
      next: exists ? 'uplift config validate' : `ls -ld ${dirname(path)}`,
      cause: error,
    });
  }
}
