import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { UpliftError } from '../../core/error.ts';
import { parseJson } from '../../core/json.ts';
import type { Unit, UnitProcess } from './unit.ts';

/** A unit that knows its state file, so that any process which read the folder can start, find and stop it. */
export interface PlacedUnit extends Unit {
  readonly stateFile: string;
}

const unitSchema = z.object({
  v: z.literal(1),
  id: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
  kind: z.enum(['kafka', 'postgres', 'pgbouncer', 'redis', 'service']),
  argv: z.array(z.string()).min(1),
  env: z.record(z.string(), z.string()),
  cwd: z.string(),
  uid: z.int().nonnegative().optional(),
  gid: z.int().nonnegative().optional(),
  logFile: z.string(),
  ready: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('tcp'), host: z.string(), port: z.int().positive() }),
    z.object({ kind: z.literal('http'), url: z.url() }),
  ]),
  readyTimeoutMs: z.int().positive(),
  stop: z.object({ signal: z.enum(['SIGTERM', 'SIGINT']), graceMs: z.int().nonnegative() }),
  labels: z.record(z.string(), z.string()),
});

const processSchema = z.object({
  pid: z.int().min(2),
  startTime: z.string().min(1),
  startedAtMs: z.number(),
});

/** Writes `<dir>/<id>.json` (atomically) and says where the unit's state will be. The folder is made if needed. */
export async function writeUnit(dir: string, unit: Unit): Promise<PlacedUnit> {
  await mkdir(dir, { recursive: true });
  await writeFileAtomically(join(dir, `${unit.id}.json`), `${JSON.stringify(unit, null, 2)}\n`);
  return placed(dir, unit);
}

/** All units declared in a folder, by id. A file that is no unit is UPL-INPUT-INVALID; no folder is no unit. */
export async function readUnits(dir: string): Promise<PlacedUnit[]> {
  const names = await readdir(dir).catch(ifAbsent<string[]>([]));
  const files = names.filter((name) => name.endsWith('.json') && !name.endsWith('.state.json')).sort();
  const units = await Promise.all(
    // Removed since the folder was listed, by somebody who ends the sandbox: no unit any more.
    files.map((name) =>
      readUnitFile(dir, join(dir, name)).catch(ifAbsent<PlacedUnit | undefined>(undefined)),
    ),
  );
  return units.filter((unit) => unit !== undefined);
}

/** One unit by id; an unknown id is UPL-USAGE and names those that exist. */
export async function readUnit(dir: string, id: string): Promise<PlacedUnit> {
  const units = await readUnits(dir);
  const unit = units.find((candidate) => candidate.id === id);
  if (unit !== undefined) return unit;
  const known = units.map((candidate) => candidate.id).join(', ') || 'none';
  throw new UpliftError('UPL-USAGE', { message: `There is no unit "${id}" in ${dir}. Units: ${known}.` });
}

async function readUnitFile(dir: string, file: string): Promise<PlacedUnit> {
  try {
    const { uid, gid, ...unit } = unitSchema.parse(JSON.parse(await readFile(file, 'utf8')));
    return placed(dir, {
      ...unit,
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    });
  } catch (cause) {
    if (isAbsent(cause)) throw cause;
    throw new UpliftError('UPL-INPUT-INVALID', { message: `${file} is not a unit file.`, cause });
  }
}

const placed = (dir: string, unit: Unit): PlacedUnit => ({
  ...unit,
  stateFile: join(dir, `${unit.id}.state.json`),
});

/** The process a unit was last started as, or undefined when it never was. */
export async function readProcess(unit: PlacedUnit): Promise<UnitProcess | undefined> {
  const text = await readFile(unit.stateFile, 'utf8').catch(ifAbsent(undefined));
  if (text === undefined) return undefined;
  const parsed = processSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new UpliftError('UPL-INPUT-INVALID', {
    message: `${unit.stateFile} is not a unit state file.`,
    cause: parsed.error,
  });
}

/** Records the running process; a reader sees the old file or the new one, never half of one. */
export async function writeProcess(unit: PlacedUnit, started: UnitProcess): Promise<void> {
  await writeFileAtomically(unit.stateFile, `${JSON.stringify(started)}\n`);
}

/** A reader sees the old file or the new one, never half of one. Throws UPL-CANNOT-WRITE. */
export async function writeFileAtomically(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeFile(temporary, text, { flag: 'wx' });
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new UpliftError('UPL-CANNOT-WRITE', { message: `Cannot write ${file}.`, cause });
  }
}

function ifAbsent<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (isAbsent(error)) return value;
    throw error;
  };
}

const isAbsent = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';
