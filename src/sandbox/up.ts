import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { statusOf } from '../clients/process/status.ts';
import { readUnits } from '../clients/process/unit-files.ts';
import type { Progress } from '../core/blocks.ts';
import { isUpliftError, UpliftError } from '../core/error.ts';
import { removeEmptyFolders, sandboxDown } from './down.ts';
import { ensureArchive, formatKafka } from './kafka-prepare.ts';
import { kafkaAccess } from './kafka-secure.ts';
import { portPlan, sandboxDir, sandboxPaths } from './layout.ts';
import { type Manifest, readManifest, updateManifest } from './manifest.ts';
import { cacheDirOf, newSandbox } from './new-sandbox.ts';
import { type SandboxOptions, sandboxOptions } from './options.ts';
import { packageRoot } from './package-root.ts';
import type { PlanContext, ServiceOverride } from './plan-context.ts';
import { assertPortsFree } from './ports.ts';
import { preparePostgres } from './postgres-prepare.ts';
import { assembleRedis } from './redis-assemble.ts';
import { redisNodes } from './redis-plan.ts';
import { type Preparations, startServers } from './start-servers.ts';
import { noteUnderWay } from './under-way.ts';
import { writePlan } from './write-plan.ts';

export interface UpRequest {
  readonly stateDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly options?: Partial<SandboxOptions>;
  /** First port; absent: a free block is searched. */
  readonly portBase?: number;
  readonly kafkaHome?: string;
  /** By unit id: other argv or more environment, e.g. a service composed elsewhere. */
  readonly serviceOverrides?: Readonly<Record<string, ServiceOverride>>;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

export interface UpResult {
  readonly name: string;
  readonly dir: string;
  readonly configFile: string;
  /** Existing data was used (the sandbox had been stopped with its data kept). */
  readonly restarted: boolean;
  /** Kafka takes TLS with a login only. */
  readonly secure: boolean;
  readonly tookMs: number;
  /** Spawn to first answer, ms by unit id. */
  readonly readyInMs: Readonly<Record<string, number>>;
}

/**
 * Builds and starts a sandbox, or starts a stopped one again. All or nothing: when a server does not become ready, or
 * the signal aborts, everything started is stopped and removed (the logs are kept) before the error is thrown.
 */
export async function sandboxUp(request: UpRequest): Promise<UpResult> {
  const before = performance.now();
  const options = sandboxOptions(request.options ?? {});
  const dir = sandboxDir(request.stateDir, options.name);
  const existing = await readManifest(dir);
  const started = await noted(dir, () =>
    existing === undefined ? build(request, options, dir) : startAgain(request, existing, dir),
  );
  return {
    name: options.name,
    dir,
    configFile: sandboxPaths(dir, dir).configFile,
    restarted: existing !== undefined,
    secure: (existing?.options ?? options).secure,
    tookMs: Math.round(performance.now() - before),
    readyInMs: Object.fromEntries(started),
  };
}

/** While it works it can be found and stopped by a `down` from elsewhere. */
async function noted<T>(dir: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dir, { recursive: true, mode: 0o755 });
  const forget = await noteUnderWay(dir, 'up', process.pid);
  try {
    return await work();
  } finally {
    await forget();
    await removeEmptyFolders(dir);
  }
}

async function build(
  request: UpRequest,
  options: SandboxOptions,
  dir: string,
): Promise<ReadonlyMap<string, number>> {
  const made = await newSandbox(request, options, dir);
  if (made === undefined) throw exists(options.name, 'is being started by another process');
  const { context, plan, manifest } = made;
  const { password, uplift, paths } = context;
  const { progress, signal } = request;
  return orTearDown(request, options.name, false, async () => {
    const units = await writePlan(context, plan);
    const prepare = preparations(request, context);
    const access = () => kafkaAccess(paths, options.secure);
    const took = await startServers({
      dir,
      units,
      prepare,
      password,
      kafkaAccess: access,
      uplift,
      progress,
      signal,
    });
    await writeFile(paths.configFile, plan.config, { flag: 'wx' }).catch(ifThere);
    await updateManifest(dir, { ...manifest, phase: 'ready' });
    return took;
  });
}

function preparations(request: UpRequest, context: PlanContext): Preparations {
  const { progress } = request;
  return {
    kafka: async (signal: AbortSignal): Promise<void> => {
      const archive = await ensureArchive(context, signal, () =>
        progress({ phase: 'kafka classes', state: 'running', text: 'archiving once for this machine' }),
      );
      if (archive === 'built')
        progress({ phase: 'kafka classes', state: 'done', text: 'archived for faster starts' });
      if (archive === 'failed')
        progress({ phase: 'kafka classes', state: 'done', text: 'not archived; Kafka starts slower' });
      await formatKafka(context, signal);
    },
    postgres: (signal: AbortSignal) => preparePostgres(context, cacheDirOf(request.env), signal),
    redis: (signal: AbortSignal) => assembleRedis(redisNodes(context), signal),
  };
}

/** A sandbox that was stopped with its data kept: same units, same ports, no preparation. */
async function startAgain(
  request: UpRequest,
  manifest: Manifest,
  dir: string,
): Promise<ReadonlyMap<string, number>> {
  if (request.options?.secure === true && !manifest.options.secure)
    throw exists(manifest.name, 'was made without --secure and cannot be made secure');
  const paths = sandboxPaths(dir, manifest.serverRoot);
  const units = await readUnits(paths.units);
  const states = await Promise.all(units.map(async (unit) => (await statusOf(unit)).state));
  const running = states.filter((state) => state === 'running' || state === 'paused').length;
  if (running > 0)
    throw exists(manifest.name, `already exists (${running} of ${units.length} units running)`);
  if (manifest.phase !== 'ready') throw exists(manifest.name, 'was left half built by an earlier start');
  await assertPortsFree(portPlan(manifest.options, manifest.portBase));
  const password = (await readFile(paths.passwordFile, 'utf8')).trim();
  const uplift = [process.execPath, join(await packageRoot(), 'bin', 'uplift.js')];
  const { progress, signal } = request;
  const access = () => kafkaAccess(paths, manifest.options.secure);
  return orTearDown(request, manifest.name, true, () =>
    startServers({ dir, units, prepare: {}, password, kafkaAccess: access, uplift, progress, signal }),
  );
}

/** Runs the start; when it fails or is interrupted, stops everything before the error goes on. New sandboxes vanish. */
async function orTearDown<T>(
  request: UpRequest,
  name: string,
  keepData: boolean,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { progress, signal, stateDir } = request;
    const how = signal.aborted ? 'interrupted' : 'failed';
    progress({ phase: 'sandbox', state: 'running', text: `${how}: stopping what was started` });
    const down = await sandboxDown({
      stateDir,
      name,
      keepData,
      keepLogs: !signal.aborted,
      progress: () => undefined,
    });
    progress({ phase: 'sandbox', state: 'failed', text: `${how}; nothing is left running` });
    if (signal.aborted) throw signal.reason;
    if (down.logs === undefined || !isUpliftError(error)) throw error;
    const { message, cause, exit } = error;
    throw new UpliftError(error.code, { message, cause, exit, next: `All logs of this start: ${down.logs}` });
  }
}

function exists(name: string, how: string): UpliftError {
  return new UpliftError('UPL-SANDBOX-EXISTS', {
    message: `Sandbox "${name}" ${how}.`,
    next: `uplift sandbox status --name ${name}, or uplift sandbox down --name ${name}`,
  });
}

function ifThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
