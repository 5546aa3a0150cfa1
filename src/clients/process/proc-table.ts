import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** What the kernel says about one pid. A zombie is not listed: it holds no port, no file and no memory any more. */
export interface ProcEntry {
  readonly pid: number;
  readonly parentPid: number;
  /** Compared, never interpreted: ticks since boot on Linux, `lstart` text elsewhere. */
  readonly startTime: string;
  readonly stopped: boolean;
}

const onLinux = process.platform === 'linux';
const exec = promisify(execFile);
const PS_TIMEOUT_MS = 5000;

/** Reads one pid from the kernel: /proc/PID/stat on Linux (proc(5)), `ps` elsewhere. Undefined: gone or a zombie. */
export async function procEntry(pid: number): Promise<ProcEntry | undefined> {
  if (!onLinux) return (await psEntries(['-p', String(pid)])).find((entry) => entry.pid === pid);
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : parseProcStat(text);
}

/** Every descendant of a pid, children of children included. Sees only processes that still have their parent. */
export async function descendantsOf(pid: number): Promise<ProcEntry[]> {
  const byParent = Map.groupBy(await allEntries(), (entry) => entry.parentPid);
  const found: ProcEntry[] = [];
  const open = [pid];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const children = byParent.get(next) ?? [];
    byParent.delete(next);
    found.push(...children);
    open.push(...children.map((child) => child.pid));
  }
  return found;
}

async function allEntries(): Promise<ProcEntry[]> {
  if (!onLinux) return psEntries(['-ax']);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const entries = await Promise.all(pids.map((name) => procEntry(Number(name))));
  return entries.filter((entry) => entry !== undefined);
}

/** Parses one line of /proc/PID/stat: field 3 is the state, 4 the parent, 22 the start time; the name (2) may hold spaces and brackets. */
export function parseProcStat(text: string): ProcEntry | undefined {
  const nameEnd = text.lastIndexOf(')');
  const pid = Number.parseInt(text, 10);
  const fields = text.slice(nameEnd + 2).split(' ');
  const [state, parent] = fields;
  const startTime = fields[22 - 3];
  if (nameEnd < 0 || Number.isNaN(pid) || state === undefined || startTime === undefined) return undefined;
  if (state === 'Z' || state === 'X' || state === 'x') return undefined;
  return { pid, parentPid: Number(parent), startTime, stopped: state === 'T' };
}

async function psEntries(selection: readonly string[]): Promise<ProcEntry[]> {
  const options = {
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' },
    timeout: PS_TIMEOUT_MS,
  };
  const shown = await exec('ps', [...selection, '-o', 'pid=,ppid=,stat=,lstart='], options).catch(noSuchPid);
  return parsePs(shown.stdout);
}

/** `ps -p` exits 1 without output when the pid is gone; everything else is a real failure. */
function noSuchPid(error: unknown): { stdout: string } {
  if (error instanceof Error && 'code' in error && error.code === 1) return { stdout: '' };
  throw error;
}

/** Parses `ps -o pid=,ppid=,stat=,lstart=`; zombies are left out. */
export function parsePs(text: string): ProcEntry[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\S.*?)\s*$/.exec(line);
    const [, pid, parent, state = 'Z', startTime = ''] = match ?? [];
    if (match === null || state.startsWith('Z')) return [];
    return [{ pid: Number(pid), parentPid: Number(parent), startTime, stopped: state.startsWith('T') }];
  });
}
