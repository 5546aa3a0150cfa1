import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isUpliftError } from '../../core/error.ts';
import { waitFor } from '../../core/wait.ts';
import type { UnitProcess } from './unit.ts';
import type { PlacedUnit } from './unit-files.ts';

const REAPED_TIMEOUT_MS = 3000;

/**
 * Postgres refuses to start while the pid of its old postmaster.pid exists, and a killed postmaster exists as a zombie
 * until init reaps it: a second on some machines, for ever in a container without an init. Waits for the first; in the
 * second case removes the file, provided nobody is attached to the shared memory it names (no backend lives on).
 */
export async function clearOldLock(unit: PlacedUnit, last: UnitProcess): Promise<void> {
  const reaped = waitFor(async () => !pidExists(last.pid), {
    what: `pid ${last.pid} reaped`,
    timeoutMs: REAPED_TIMEOUT_MS,
  });
  const stays = await reaped.then(
    () => false,
    (error: unknown) => {
      if (isUpliftError(error, 'UPL-DEADLINE')) return true;
      throw error;
    },
  );
  const { dataDir } = unit.labels;
  if (!stays || dataDir === undefined) return;
  const file = join(dataDir, 'postmaster.pid');
  const lock = parsePidFile(await readFile(file, 'utf8').catch(() => ''));
  if (lock?.pid === last.pid && attachedTo(await shmTable(), lock) === 0) await rm(file);
}

/**
 * Waits until nobody is attached to the shared memory of a server that ended: a backend whose postmaster was killed
 * alone lives on until it notices. Where the table cannot be read (no Linux) nothing is known and nothing is awaited.
 */
export async function waitBackendsGone(unit: PlacedUnit, timeoutMs: number): Promise<void> {
  const { dataDir = '' } = unit.labels;
  const lock = parsePidFile(await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => ''));
  if (lock === undefined) return;
  await waitFor(async () => (attachedTo(await shmTable(), lock) ?? 0) === 0, {
    what: `the backends of ${unit.id} gone`,
    timeoutMs,
    intervalMs: 20,
  });
}

const shmTable = (): Promise<string> => readFile('/proc/sysvipc/shm', 'utf8').catch(() => '');

export interface PostmasterLock {
  readonly pid: number;
  /** Key and id of the System V segment that guards against double starts. */
  readonly key: number;
  readonly id: number;
}

/** Line 1 of postmaster.pid is the pid, line 7 key and id of the shared memory (miscadmin.h, LOCK_FILE_LINE_*). */
export function parsePidFile(text: string): PostmasterLock | undefined {
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  const [key, id] = (lines[6] ?? '').trim().split(/\s+/).map(Number);
  if (!(pid > 0) || key === undefined || id === undefined || Number.isNaN(key) || Number.isNaN(id))
    return undefined;
  return { pid, key, id };
}

/**
 * How many processes are attached to a segment; undefined: it is not listed. Reads `/proc/sysvipc/shm` (key shmid perms
 * size cpid lpid nattch …) or macOS `ipcs -m -o` (m ID KEY MODE OWNER GROUP NATTCH).
 */
export function attachedTo(
  table: string,
  { key, id }: Pick<PostmasterLock, 'key' | 'id'>,
): number | undefined {
  for (const line of table.split('\n')) {
    const fields = line.trim().split(/\s+/);
    const [shownKey, shownId] = fields[0] === 'm' ? [fields[2], fields[1]] : [fields[0], fields[1]];
    if (Number(shownKey) === key && Number(shownId) === id) return Number(fields[6]);
  }
  return undefined;
}

function pidExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
