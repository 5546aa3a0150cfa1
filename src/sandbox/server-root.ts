import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const NOBODY: Owner = { uid: 65_534, gid: 65_534 };

/** Who runs Postgres and PgBouncer: `nobody` when we are root (both refuse root), else ourselves (undefined). */
export async function serverOwner(): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const [, , uid, gid] =
    passwd
      .split('\n')
      .find((line) => line.startsWith('nobody:'))
      ?.split(':') ?? [];
  const owner = { uid: Number(uid), gid: Number(gid) };
  return owner.uid > 0 && owner.gid > 0 ? owner : NOBODY;
}

/**
 * Folder for the servers' configuration and data: the sandbox folder, or one in the temporary folder when another user
 * runs the servers and cannot get to it (a home or a checkout of mode 700).
 */
export async function serverRootFor(dir: string, owner: Owner | undefined): Promise<string> {
  if (owner === undefined || (await othersMayPass(dir))) return dir;
  return join(tmpdir(), `uplift-${createHash('sha256').update(dir).digest('hex').slice(0, 12)}`);
}

/** Every existing folder above lets others through (search bit); those that do not exist yet are made so. */
async function othersMayPass(dir: string): Promise<boolean> {
  for (let above = dirname(dir); ; above = dirname(above)) {
    const mode = await stat(above).then(
      (found) => found.mode,
      () => undefined,
    );
    if (mode !== undefined && (mode & 0o001) === 0) return false;
    if (above === dirname(above)) return true;
  }
}
