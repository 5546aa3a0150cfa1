import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { link, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { UpliftError } from '../core/error.ts';
import { formatAge } from '../core/units.ts';
import { isOf, type Place, placeOfThisProcess } from './place.ts';

/** The right to write one journal, held by one process at a time. */
export interface WriterClaim {
  readonly release: () => Promise<void>;
  /** Throws UPL-CANNOT-WRITE once somebody took it over: what is written then would stand between their lines. */
  readonly require: () => Promise<void>;
  /** The other host whose claim it passed over; absent: there was none. */
  readonly takenOverFrom?: string;
}

export interface ClaimOptions {
  /** Name of a host whose claim no longer counts: whoever says so knows that nothing runs there any more. */
  readonly takeOver?: string | undefined;
  /** Where this process runs; for tests. */
  readonly here?: Place;
}

interface Holder extends Partial<Place> {
  readonly pid: number;
  readonly startTime: string;
}

/**
 * Claims a journal for this process: `<journal>.writer-<n>` beside it names pid, start time and host. Claiming is one
 * exclusive link(2) of the next number, so of two recoveries at once only one wins; a dead holder is passed over. From
 * another host nobody can tell whether a holder lives: its claim stands until somebody names that host.
 * Throws UPL-JOURNAL-HELD while a living process holds it, or one that may be.
 */
export async function claimWriter(journal: string, options: ClaimOptions = {}): Promise<WriterClaim> {
  const here = options.here ?? (await placeOfThisProcess());
  const { folder, prefix, numbers, last } = await claimsOf(journal);
  const holder = last === 0 ? undefined : await holderOf(join(folder, `${prefix}${last}`));
  const isElsewhere = holder !== undefined && !isOf(here, holder);
  if (isElsewhere && holder.host !== options.takeOver) throw await heldElsewhere(journal, holder);
  if (holder !== undefined && !isElsewhere && (await isAlive(holder))) throw held(journal, holder.pid);
  const own = join(folder, `${prefix}${last + 1}`);
  const draft = join(folder, `.${prefix}${randomUUID()}`);
  const self: Holder = { pid: process.pid, startTime: (await startTimeOf(process.pid)) ?? '', ...here };
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
  return {
    release: () => rm(own, { force: true }),
    require: () => requireClaim(journal, own),
    ...(isElsewhere && holder.host !== undefined ? { takenOverFrom: holder.host } : {}),
  };
}

/** Opens it: a look alone could be answered from what this host remembers of a share (NFS, close-to-open). */
async function requireClaim(journal: string, own: string): Promise<void> {
  const opened = await open(own, 'r').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT' && cause.code !== 'ESTALE') throw cause;
    throw new UpliftError('UPL-CANNOT-WRITE', {
      message: `The journal ${journal} cannot be written: another process took it over.`,
      next: `uplift drill show ${basename(dirname(journal))}`,
      cause,
    });
  });
  await opened.close();
}

async function heldElsewhere(journal: string, { pid, host }: Holder): Promise<UpliftError> {
  const lastMs = await stat(journal).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
  const last =
    lastMs === undefined ? '' : ` Its last line is ${formatAge(Math.max(0, Date.now() - lastMs))} old.`;
  return new UpliftError('UPL-JOURNAL-HELD', {
    message: `Process ${pid} on ${host} claims ${journal}; whether it still runs cannot be told from here.${last}`,
    next: `the same command with --take-over ${host}, once it is certain that it runs no more`,
  });
}

/** The pid of the living process of this host that holds a journal, or undefined. */
export async function writerOf(journal: string): Promise<number | undefined> {
  const { folder, prefix, last } = await claimsOf(journal);
  const holder = await holderOf(join(folder, `${prefix}${last}`));
  if (holder === undefined || !isOf(await placeOfThisProcess(), holder)) return undefined;
  return (await isAlive(holder)) ? holder.pid : undefined;
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
    const { pid, startTime, host, machine } = value ?? {};
    if (!Number.isSafeInteger(pid) || typeof startTime !== 'string') return undefined;
    const place = typeof host === 'string' ? { host, machine: String(machine) } : {};
    return { pid: pid as number, startTime, ...place };
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
