import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { UpliftError } from '../core/error.ts';

/** The right to write one journal, held by one process at a time. */
export interface WriterClaim {
  readonly release: () => Promise<void>;
}

interface Holder {
  readonly pid: number;
  readonly startTime: string;
}

/**
 * Claims a journal for this process: `<journal>.writer-<n>` beside it names pid and start time. Claiming is one
 * exclusive link(2) of the next number, so of two recoveries at once only one wins; a dead holder is passed over.
 * Throws UPL-JOURNAL-HELD while a living process holds it.
 */
export async function claimWriter(journal: string): Promise<WriterClaim> {
  const { folder, prefix, numbers, last } = await claimsOf(journal);
  const writer = await livingHolder(join(folder, `${prefix}${last}`));
  if (writer !== undefined) throw held(journal, writer);
  const own = join(folder, `${prefix}${last + 1}`);
  const draft = join(folder, `.${prefix}${randomUUID()}`);
  const self: Holder = { pid: process.pid, startTime: (await startTimeOf(process.pid)) ?? '' };
  try {
    await writeFile(draft, JSON.stringify(self));
    await link(draft, own);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw held(journal, undefined);
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
  // Lower numbers are dead; ours, the highest, is the one that counts.
  await Promise.all(numbers.map((number) => rm(join(folder, `${prefix}${number}`), { force: true })));
  return { release: () => rm(own, { force: true }) };
}

/** The pid of the living process that holds a journal, or undefined. */
export async function writerOf(journal: string): Promise<number | undefined> {
  const { folder, prefix, last } = await claimsOf(journal);
  return livingHolder(join(folder, `${prefix}${last}`));
}

/** The claims beside a journal; the highest number counts, 0: none. */
async function claimsOf(journal: string) {
  const folder = dirname(journal);
  const prefix = `${basename(journal)}.writer-`;
  const numbers = (await readdir(folder))
    .filter((name) => name.startsWith(prefix))
    .map((name) => Number(name.slice(prefix.length)))
    .filter(Number.isSafeInteger);
  return { folder, prefix, numbers, last: Math.max(0, ...numbers) };
}

async function livingHolder(claim: string): Promise<number | undefined> {
  const holder = await holderOf(claim);
  return holder !== undefined && (await isAlive(holder)) ? holder.pid : undefined;
}

function held(journal: string, pid: number | undefined): UpliftError {
  const who = pid === undefined ? 'Another process' : `Process ${pid}`;
  return new UpliftError('UPL-JOURNAL-HELD', {
    message: `${who} is writing ${journal}.`,
    next:
      pid === undefined ? 'wait for it to end' : `wait for process ${pid} to end, or stop it: kill ${pid}`,
  });
}

async function holderOf(path: string): Promise<Holder | undefined> {
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as Partial<Holder> | null;
    const { pid, startTime } = value ?? {};
    return Number.isSafeInteger(pid) && typeof startTime === 'string'
      ? { pid: pid as number, startTime }
      : undefined;
  } catch {
    // Released in this moment, or cut short by a power loss: nobody holds it.
    return undefined;
  }
}

async function isAlive({ pid, startTime }: Holder): Promise<boolean> {
  const now = await startTimeOf(pid);
  return now !== undefined && (startTime === '' || startTime === now);
}

/** Start time of a process in the platform's own unit, so that a reused pid is not taken for its holder. */
async function startTimeOf(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    // The command name (field 2) may hold spaces and brackets; start time is field 22, 20th after the last bracket.
    const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
    const isZombie = fields?.[0] === 'Z';
    return isZombie ? undefined : fields?.[19];
  }
  const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)], {
    timeout: 5_000,
  }).catch(() => ({ stdout: '' }));
  return stdout.trim() === '' ? undefined : stdout.trim();
}
