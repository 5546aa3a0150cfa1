import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parsePidFile } from '../clients/process/postgres-lock.ts';
import { procEntry } from '../clients/process/proc-table.ts';
import { readProcess, readUnits } from '../clients/process/unit-files.ts';
import { sandboxDir } from './layout.ts';
import { readManifest } from './manifest.ts';
import { portIsFree } from './ports.ts';

/** For tests: what a running sandbox occupies, and the proof that nothing of it is left. */
export interface Traces {
  readonly pids: readonly number[];
  readonly ports: readonly number[];
  readonly segments: readonly string[];
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
    ports: units.map((unit) => Number(unit.labels.port)),
    segments: locks.flatMap((lock) => (lock === undefined ? [] : [`${lock.key} ${lock.id}`])),
    claimFile: manifest?.claimFile,
  };
}

export async function nothingLeft(stateDir: string, name: string, traces: Traces): Promise<void> {
  expect(traces.pids.length).toBeGreaterThan(0);
  expect(await processesIn(sandboxDir(stateDir, name))).toEqual([]);
  expect(await Promise.all(traces.pids.map(procEntry))).toEqual(traces.pids.map(() => undefined));
  expect(await Promise.all(traces.ports.map(portIsFree))).toEqual(traces.ports.map(() => true));
  expect(await readdir(join(stateDir, 'sandbox', name)).catch(() => 'gone')).toBe('gone');
  expect(await readFile(traces.claimFile ?? '').catch(() => 'gone')).toBe('gone');
  const shown = process.platform === 'linux' ? await readFile('/proc/sysvipc/shm', 'utf8') : '';
  const segments = shown.split('\n').map((line) => line.trim().split(/\s+/).slice(0, 2).join(' '));
  expect(segments.filter((segment) => traces.segments.includes(segment))).toEqual([]);
}

/** Command lines that mention a folder; zombies have none. */
export async function processesIn(folder: string): Promise<string[]> {
  if (process.platform !== 'linux') return [];
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines.filter((line) => line.includes(folder));
}
