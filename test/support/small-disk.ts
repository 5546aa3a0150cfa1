import { execFile } from 'node:child_process';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { reasonOf } from '../../src/core/error.ts';

const call = promisify(execFile);
const MOUNT_MS = 20_000;
const FILLER = '.filler';
const PAGE_BYTES = 4096;

export interface SmallDiskOptions {
  readonly bytes: number;
  /** Who owns its folder; absent: this process. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  readonly mode?: number;
}

/** A tmpfs of a few MiB over a folder, to be filled, freed, and always unmounted by whoever mounted it. */
export class SmallDisk {
  readonly folder: string;
  #mounted = true;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Mounts over a folder that is made if it is not there. Not being allowed to mount is an error, never a skip. */
  static async mount(folder: string, options: SmallDiskOptions): Promise<SmallDisk> {
    await mkdir(folder, { recursive: true });
    const { uid, gid } = options.owner ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    const mode = (options.mode ?? 0o755).toString(8);
    const what = `size=${options.bytes},mode=${mode},uid=${uid},gid=${gid}`;
    await asRoot(['mount', '-t', 'tmpfs', '-o', what, 'uplift-small-disk', folder]);
    return new SmallDisk(folder);
  }

  /** Takes every free page with a file of our own. What is begun in other files' last pages still has room there. */
  async fill(): Promise<void> {
    const file = await open(join(this.folder, FILLER), 'a');
    try {
      for (const size of [1_048_576, PAGE_BYTES]) {
        const bytes = Buffer.alloc(size, 1);
        while (await takes(() => file.write(bytes)));
      }
    } finally {
      await file.close();
    }
  }

  /** Gives back what `fill` took. */
  free(): Promise<void> {
    return rm(join(this.folder, FILLER), { force: true });
  }

  /** Nothing may have a file open on it any more. A second call does nothing. */
  async unmount(): Promise<void> {
    if (!this.#mounted) return;
    await asRoot(['umount', this.folder]);
    this.#mounted = false;
  }
}

async function takes(write: () => Promise<{ bytesWritten: number }>): Promise<boolean> {
  try {
    return (await write()).bytesWritten > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}

async function asRoot(command: readonly string[]): Promise<void> {
  const [program = '', ...args] = process.getuid?.() === 0 ? command : ['sudo', '-n', ...command];
  try {
    await call(program, args, { timeout: MOUNT_MS });
  } catch (error) {
    throw new Error(
      `${command.join(' ')}: ${reasonOf(error)}\nThese tests put files on a small tmpfs: they need Linux, and root or sudo without a password.`,
      { cause: error },
    );
  }
}
