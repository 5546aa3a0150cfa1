import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { attachedTo, parsePidFile } from '../clients/process/postgres-lock.ts';
import { runCommand } from './run-command.ts';

const TIMEOUT_MS = 5000;

/**
 * A Postgres killed by SIGKILL leaves its small System V segment; a later start would remove it, `sandbox down` has no
 * later start. A segment that somebody is attached to, or whose key is another, is left alone.
 */
export async function removeSharedMemory(
  dataDir: string,
  env: Readonly<Record<string, string>>,
): Promise<boolean> {
  const lock = parsePidFile(await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => ''));
  if (lock === undefined) return false;
  const options = { what: 'Removing shared memory', env, cwd: '/', timeoutMs: TIMEOUT_MS };
  const table =
    process.platform === 'linux'
      ? await readFile('/proc/sysvipc/shm', 'utf8')
      : await runCommand(['ipcs', '-m', '-o'], options);
  if (attachedTo(table, lock) !== 0) return false;
  await runCommand(['ipcrm', '-m', String(lock.id)], options);
  return true;
}
