import { randomBytes } from 'node:crypto';
import { chown, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { inQuotes, type RoleSettings } from '../../clients/postgres/standby.ts';

const SETTINGS: Readonly<Record<keyof RoleSettings, string>> = {
  CONNINFO: 'primary_conninfo',
  SLOT: 'primary_slot_name',
  SYNC: 'synchronous_standby_names',
};

/** Pure: the role file with these settings; every other line stays. A setting that is not there yet is appended. */
export function withRole(text: string, settings: RoleSettings): string {
  let result = text;
  for (const [key, name] of Object.entries(SETTINGS) as [keyof RoleSettings, string][]) {
    const line = `${name} = '${inQuotes(settings[key])}'`;
    const there = new RegExp(`^[ \\t]*${name}[ \\t]*=.*$`, 'm');
    result = there.test(result)
      ? result.replace(there, () => line)
      : `${result.replace(/\n?$/, '\n')}${line}\n`;
  }
  return result;
}

/** Pure: the pooler's file with this database at another port. A database it does not list is an error. */
export function withPort(ini: string, database: string, port: number): string {
  const line = new RegExp(`^([ \\t]*${database}[ \\t]*=.*?\\bport=)\\d+`, 'm');
  if (!line.test(ini)) throw new Error(`no database ${database} with a port in the pooler's file`);
  return ini.replace(line, (_, before: string) => `${before}${port}`);
}

/** Pure: the password of a user in a libpq password file whose lines are for any host, port and database. */
export function passwordIn(passFile: string, user: string): string | undefined {
  const start = `*:*:*:${user}:`;
  return passFile
    .split('\n')
    .find((line) => line.startsWith(start))
    ?.slice(start.length);
}

/** Pure: the first user of a PgBouncer userlist, `"name" "password"`. */
export function firstUser(userlist: string): { user: string; password: string } | undefined {
  const [, user, password] = /^"((?:[^"]|"")+)" "((?:[^"]|"")*)"/m.exec(userlist) ?? [];
  if (user === undefined || password === undefined) return undefined;
  return { user: user.replaceAll('""', '"'), password: password.replaceAll('""', '"') };
}

/** Replaces a file's text in one moment; owner and mode stay. */
export async function editFile(path: string, edit: (text: string) => string): Promise<void> {
  const before = await readFile(path, 'utf8');
  const text = edit(before);
  if (text === before) return;
  const { uid, gid, mode } = await stat(path);
  const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeFile(draft, text, { flag: 'wx', mode: mode & 0o777 });
    if (process.getuid?.() === 0) await chown(draft, uid, gid);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
