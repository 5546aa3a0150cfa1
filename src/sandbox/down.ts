import { readdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stopUnit } from '../clients/process/signal.ts';
import { statusOf } from '../clients/process/status.ts';
import { type PlacedUnit, readUnits } from '../clients/process/unit-files.ts';
import type { Progress } from '../core/blocks.ts';
import { reasonOf, UpliftError } from '../core/error.ts';
import { formatMs } from '../core/units.ts';
import { sandboxDir, sandboxPaths } from './layout.ts';
import { type Manifest, readManifest } from './manifest.ts';
import { stopTiers } from './plan.ts';
import { removeSharedMemory } from './shared-memory.ts';
import { endUnderWay, UNDER_WAY } from './under-way.ts';

export interface DownRequest {
  readonly stateDir: string;
  readonly name: string;
  /** Stop only; `up` starts the same servers on the same data again. */
  readonly keepData?: boolean;
  /** Puts the logs aside (`<name>.failed-logs`) instead of removing them; the next `down` of this name removes them. */
  readonly keepLogs?: boolean;
  readonly progress: Progress;
}

export interface DownResult {
  readonly found: boolean;
  readonly stopped: readonly string[];
  /** Did not end politely in time. */
  readonly killed: readonly string[];
  readonly wasNotRunning: readonly string[];
  /** Things in the sandbox folder that uplift did not make, or that were asked to be kept. */
  readonly kept: readonly string[];
  /** Where the logs were put aside. */
  readonly logs?: string;
}

/** Data that is thrown away needs no long goodbye. */
const SHORT_GRACE_MS = 3000;

/**
 * Stops every unit, users of a server before the server, and removes what `up` made; an `up` that is still at work is
 * ended first. Twice is as good as once, also at the same time.
 */
export async function sandboxDown(request: DownRequest): Promise<DownResult> {
  const dir = sandboxDir(request.stateDir, request.name);
  const interrupted = await endUnderWay(dir);
  await rm(failedLogs(dir), { recursive: true, force: true });
  const manifest = await readManifest(dir);
  if (manifest === undefined) {
    await removeEmptyFolders(dir);
    return { found: interrupted, stopped: [], killed: [], wasNotRunning: [], kept: [] };
  }
  const ends = await stopEverything(dir, request);
  const of = (end: End): string[] => [...ends].flatMap(([id, was]) => (was === end ? [id] : []));
  const result = {
    found: true,
    stopped: of('stopped'),
    killed: of('killed'),
    wasNotRunning: of('wasNotRunning'),
  };
  if (request.keepData === true) return { ...result, kept: [dir] };
  const logs = request.keepLogs === true ? await putLogsAside(dir) : undefined;
  return { ...result, kept: await removeSandbox(dir, manifest), ...(logs === undefined ? {} : { logs }) };
}

type End = Awaited<ReturnType<typeof stopUnit>>;

/**
 * Once the folder of the units has another name nobody can start one any more: a start writes the state file before it
 * lets the program run. Somebody might have until then (a drill that puts its broker back), hence the second look.
 */
async function stopEverything(dir: string, request: DownRequest): Promise<Map<string, End>> {
  const paths = sandboxPaths(dir, dir);
  const ends = await stopAll(paths.units, request);
  if (request.keepData === true) return ends;
  await rename(paths.units, paths.endedUnits).catch(ifAbsent);
  // Quiet: all of them were told of above; what was stopped late stands in the result.
  const late = await stopAll(paths.endedUnits, { ...request, progress: () => undefined });
  for (const [id, end] of late) if (end !== 'wasNotRunning' || !ends.has(id)) ends.set(id, end);
  return ends;
}

async function stopAll(folder: string, request: DownRequest): Promise<Map<string, End>> {
  const units = await readUnits(folder);
  const ends = new Map<string, End>();
  const failures: string[] = [];
  for (const tier of stopTiers(units)) {
    await Promise.all(
      tier.map(async (unit) => {
        try {
          ends.set(unit.id, await stopOne(unit, request));
        } catch (error) {
          failures.push(`${unit.id}: ${reasonOf(error)}`);
        }
      }),
    );
  }
  if (failures.length === 0) return ends;
  throw new UpliftError('UPL-SANDBOX-STOP', {
    message: `Not everything could be stopped; the sandbox's folder stays. ${failures.join('; ')}`,
    next: `uplift sandbox status --name ${request.name}`,
  });
}

async function stopOne(unit: PlacedUnit, { keepData, progress }: DownRequest): Promise<End> {
  const before = performance.now();
  if ((await statusOf(unit)).state !== 'exited')
    progress({ phase: unit.id, state: 'running', text: 'stopping' });
  const end = await stopUnit(
    unit,
    keepData === true ? {} : { graceMs: Math.min(SHORT_GRACE_MS, unit.stop.graceMs) },
  );
  const { dataDir } = unit.labels;
  if (unit.kind === 'postgres' && dataDir !== undefined)
    await removeSharedMemory(dataDir, { PATH: '/usr/bin:/bin:/usr/sbin:/sbin' });
  const text = {
    stopped: 'stopped',
    killed: 'killed after its grace of time',
    wasNotRunning: 'was not running',
  }[end];
  progress({ phase: unit.id, state: 'done', text: `${text}  ${formatMs(performance.now() - before)}` });
  return end;
}

/** Removes what `up` made, the manifest last; anything else in the folder (runs, records) stays and is named. */
async function removeSandbox(dir: string, manifest: Manifest): Promise<string[]> {
  const paths = sandboxPaths(dir, manifest.serverRoot);
  const secrets = [paths.passwordFile, paths.kafkaPasswordFile, paths.kafkaCaFile];
  const own = [
    ...[paths.units, paths.endedUnits, paths.logs, paths.conf, paths.data, paths.configFile],
    ...secrets,
  ];
  await Promise.all(own.map((path) => rm(path, { recursive: true, force: true })));
  if (paths.serverRoot !== dir) await rm(paths.serverRoot, { recursive: true, force: true });
  if (manifest.claimFile !== undefined) await rm(manifest.claimFile, { force: true });
  await rm(paths.manifest, { force: true });
  await rm(`${paths.manifest}.tmp`, { force: true });
  // Another `down` may have been quicker, and an `up` that takes itself back still has its note there.
  const names = await readdir(dir).catch((): string[] => []);
  const kept = names.filter((name) => name !== UNDER_WAY).map((name) => join(dir, name));
  await removeEmptyFolders(dir);
  return kept;
}

/** The sandbox folder, `sandbox/` and the state folder, as far as they are empty. */
export async function removeEmptyFolders(dir: string): Promise<void> {
  for (const folder of [dir, dirname(dir), dirname(dirname(dir))]) await rmdir(folder).catch(ifNotEmpty);
}

function ifNotEmpty(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST' && error.code !== 'ENOENT') throw error;
}

/** Nothing to rename: the folder was never made, or another `down` has done it. */
function ifAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
}

const failedLogs = (dir: string): string => `${dir}.failed-logs`;

async function putLogsAside(dir: string): Promise<string | undefined> {
  const moved = await rename(sandboxPaths(dir, dir).logs, failedLogs(dir)).then(
    () => true,
    () => false,
  );
  return moved ? failedLogs(dir) : undefined;
}
