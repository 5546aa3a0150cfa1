import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { waitFor } from '../../core/wait.ts';
import { procEntry } from './proc-table.ts';
import { killUnit } from './signal.ts';
import type { Unit } from './unit.ts';
import { type PlacedUnit, writeUnit } from './unit-files.ts';

/** For tests: tiny programs as units in a folder that ends with the test, together with what was started. */
export const STAY = 'setInterval(() => {}, 1000); console.log("up")';

export interface TinyUnits {
  readonly dir: () => string;
  readonly unitOf: (program: string, change?: Partial<Unit>) => Promise<PlacedUnit>;
}

export function tinyUnits(): TinyUnits {
  let dir = '';
  const made: PlacedUnit[] = [];
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'uplift-process-'));
  });
  afterEach(async () => {
    for (const unit of made.splice(0)) await killUnit(unit).catch(() => undefined);
    await rm(dir, { recursive: true, force: true });
  });
  const unitOf = async (program: string, change: Partial<Unit> = {}): Promise<PlacedUnit> => {
    const unit = await writeUnit(join(dir, 'units'), { ...tiny(dir, program), ...change });
    made.push(unit);
    return unit;
  };
  return { dir: () => dir, unitOf };
}

const tiny = (dir: string, program: string): Unit => ({
  v: 1,
  id: 'tiny',
  kind: 'service',
  argv: [process.execPath, '-e', program],
  env: { COLOUR: 'blue' },
  cwd: dir,
  logFile: join(dir, 'logs', 'tiny.log'),
  ready: { kind: 'tcp', host: '127.0.0.1', port: 1 },
  readyTimeoutMs: 5000,
  stop: { signal: 'SIGTERM', graceMs: 2000 },
  labels: {},
});

export const logged = (unit: PlacedUnit, text: string): Promise<true> =>
  waitFor(async () => (await readFile(unit.logFile, 'utf8')).includes(text), {
    what: `"${text}" in the log`,
    timeoutMs: 5000,
    intervalMs: 20,
  });

export const alive = async (pid: number): Promise<boolean> => (await procEntry(pid)) !== undefined;
