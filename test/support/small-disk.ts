import { execFile } from 'node:child_process';
import { chown, mkdir, mkdtemp, rm, rmdir, stat, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { waitReady } from '../../src/clients/process/ready.ts';
import { stopUnit } from '../../src/clients/process/signal.ts';
import { startUnit } from '../../src/clients/process/start.ts';
import type { PlacedUnit } from '../../src/clients/process/unit-files.ts';

const run = promisify(execFile);
const MOUNT_MS = 20_000;
const COPY_MS = 60_000;
const FILLER = 'filler.bin';

/** A small file system of its own, in memory, that a test can fill and free. */
export interface SmallDisk {
  readonly folder: string;
  /** Leaves so many bytes; none are left for anybody, root included. */
  fill(leaveBytes?: number): Promise<void>;
  free(): Promise<void>;
  /** Whoever works in it has to be stopped before. */
  unmount(): Promise<void>;
}

/** Mounting needs root on Linux. A test that cannot have a disk of its own says so instead of passing. */
export const NEEDS_ROOT = 'needs root on Linux: it mounts a small disk';
export const canMount = process.platform === 'linux' && process.getuid?.() === 0;

/** Mounts an empty disk over a folder, which is made if needed; what was in it is hidden until it is unmounted. */
export async function mountSmallDisk(folder: string, sizeKiB: number): Promise<SmallDisk> {
  await mkdir(folder, { recursive: true });
  await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeKiB}k,mode=0755`, 'uplift-test', folder], {
    timeout: MOUNT_MS,
  });
  return smallDisk(folder);
}

/** Stops a server, moves its data to a small disk that is mounted over its data folder, and starts it again. */
export async function moveToSmallDisk(unit: PlacedUnit, roomKiB: number): Promise<SmallDisk> {
  const dataDir = unit.labels.dataDir ?? '';
  await stopUnit(unit);
  const { mode, uid, gid } = await stat(dataDir);
  const { stdout } = await run('du', ['-sk', dataDir], { timeout: COPY_MS });
  const draft = await mkdtemp(join(tmpdir(), 'uplift-disk-'));
  const sizeKiB = Number.parseInt(stdout, 10) + roomKiB;
  const options = `size=${sizeKiB}k,mode=${(mode & 0o777).toString(8)},uid=${uid},gid=${gid}`;
  await run('mount', ['-t', 'tmpfs', '-o', options, 'uplift-test', draft], { timeout: MOUNT_MS });
  await run('cp', ['-a', `${dataDir}/.`, draft], { timeout: COPY_MS });
  await chown(draft, uid, gid);
  await run('mount', ['--bind', draft, dataDir], { timeout: MOUNT_MS });
  await run('umount', [draft], { timeout: MOUNT_MS });
  await rmdir(draft);
  await startUnit(unit);
  await waitReady(unit);
  return smallDisk(dataDir);
}

function smallDisk(folder: string): SmallDisk {
  const filler = join(folder, FILLER);
  return {
    folder,
    fill: async (leaveBytes = 0) => {
      const { bavail, bsize } = await statfs(folder);
      const bytes = Buffer.alloc(Math.max(0, bavail * bsize - leaveBytes));
      // Somebody else may take of the room meanwhile: full is full.
      await writeFile(filler, bytes).catch(ifFull);
    },
    free: () => rm(filler, { force: true }),
    unmount: async () => {
      await run('umount', [folder], { timeout: MOUNT_MS });
    },
  };
}

function ifFull(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOSPC') throw error;
}
