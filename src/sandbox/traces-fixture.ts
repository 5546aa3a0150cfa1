import { access, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { parsePidFile } from '../clients/process/postgres-lock.ts';
import { procEntry } from '../clients/process/proc-table.ts';
import { readProcess, readUnits } from '../clients/process/unit-files.ts';
import { portPlan, sandboxDir } from './layout.ts';
import { readManifest } from './manifest.ts';
import { portIsFree } from './ports.ts';

/** For tests: what a running sandbox occupies, and the proof that nothing of it is left. */
export interface Traces {
  readonly pids: readonly number[];
  readonly ports: readonly number[];
  readonly segments: readonly string[];
  /** The sandbox's own, and where its servers' files are if that is another. */
  readonly folders: readonly string[];
  readonly claimFile: string | undefined;
}

/** What a sandbox occupies now, to look for afterwards. */
export async function tracesOf(stateDir: string, name: string): Promise<Traces> {
  const dir = sandboxDir(stateDir, name);
  const units = await readUnits(join(dir, 'units'));
  const processes = await Promise.all(units.map(readProcess));
  const manifest = await readManifest(dir);
  const locks = await Promise.all(
    units.map((unit) =>
      readFile(join(unit.labels.dataDir ?? '', 'postmaster.pid'), 'utf8').then(parsePidFile, () => undefined),
    ),
  );
  return {
    pids: processes.flatMap((one) => (one === undefined ? [] : [one.pid])),
    ports:
      manifest === undefined ? [] : portPlan(manifest.options, manifest.portBase).map(({ port }) => port),
    segments: locks.flatMap((lock) => (lock === undefined ? [] : [`${lock.key} ${lock.id}`])),
    folders: manifest === undefined ? [dir] : [...new Set([dir, manifest.serverRoot])],
    claimFile: manifest?.claimFile,
  };
}

/** Throws naming everything that a sandbox which is gone has left behind. */
export async function nothingLeft(traces: Traces): Promise<void> {
  if (traces.pids.length === 0) throw new Error('no process was noted before the end: nothing can be proven');
  const left = await leftOf(traces);
  if (left.length > 0) throw new Error(`left of a sandbox: ${left.join('; ')}`);
}

/** What is still there of a sandbox: processes, listening ports, folders, port claim, shared memory; empty when all is gone. */
export async function leftOf(traces: Traces): Promise<string[]> {
  const { folders, pids, ports, claimFile } = traces;
  const running = (await Promise.all(folders.map(processesIn))).flat();
  const alive = await Promise.all(pids.map(procEntry));
  const free = await Promise.all(ports.map(portIsFree));
  const there = await Promise.all(folders.map(isThere));
  const inside = await Promise.all(folders.map((folder) => readdir(folder).catch((): string[] => [])));
  const shown = process.platform === 'linux' ? await readFile('/proc/sysvipc/shm', 'utf8') : '';
  const segments = shown.split('\n').map((line) => line.trim().split(/\s+/).slice(0, 2).join(' '));
  return [
    ...running.map((line) => `process ${line.replaceAll('\0', ' ').slice(0, 160)}`),
    ...pids.filter((_, at) => alive[at] !== undefined).map((pid) => `pid ${pid}`),
    ...ports.filter((_, at) => free[at] === false).map((port) => `port ${port}`),
    ...folders.flatMap((folder, at) =>
      there[at] === true ? [`folder ${folder} (${inside[at]?.join(', ')})`] : [],
    ),
    ...((await isThere(claimFile)) ? [`port claim ${claimFile}`] : []),
    ...segments.filter((one) => traces.segments.includes(one)).map((one) => `shared memory ${one}`),
  ];
}

async function isThere(path: string | undefined): Promise<boolean> {
  if (path === undefined) return false;
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Processes that mention a folder in their command line or work in it; zombies do neither. */
export async function processesIn(folder: string): Promise<string[]> {
  if (process.platform !== 'linux') return [];
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
      return line.includes(folder) || `${cwd}/`.startsWith(`${folder}/`) ? [line] : [];
    }),
  );
  return found.flat();
}
