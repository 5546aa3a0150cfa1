import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { findBinaries } from './binaries.ts';
import { archivePath } from './kafka-prepare.ts';
import { sandboxPaths } from './layout.ts';
import { createManifest, type Manifest } from './manifest.ts';
import type { SandboxOptions } from './options.ts';
import { loadTemplates, packageRoot } from './package-root.ts';
import { type SandboxPlan, sandboxPlan } from './plan.ts';
import type { PlanContext, ServiceOverride } from './plan-context.ts';
import { choosePorts } from './ports.ts';
import { serverOwner, serverRootFor } from './server-root.ts';

export interface NewSandboxRequest {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly portBase?: number;
  readonly kafkaHome?: string;
  readonly serviceOverrides?: Readonly<Record<string, ServiceOverride>>;
}

export interface NewSandbox {
  readonly context: PlanContext;
  readonly plan: SandboxPlan;
  readonly manifest: Manifest;
}

/**
 * Everything a new sandbox is decided by: programs found, ports free and claimed, ids drawn, the plan made, the name
 * taken. Undefined when another `up` took the name first. A refusal leaves nothing behind.
 */
export async function newSandbox(
  request: NewSandboxRequest,
  options: SandboxOptions,
  dir: string,
): Promise<NewSandbox | undefined> {
  const cacheDir = cacheDirOf(request.env);
  const kafkaHome = request.kafkaHome === undefined ? {} : { kafkaHome: request.kafkaHome };
  const binaries = await findBinaries({ env: request.env, cacheDir, secure: options.secure, ...kafkaHome });
  const [owner, archive, root] = await Promise.all([
    serverOwner(),
    archivePath(cacheDir, binaries),
    packageRoot(),
  ]);
  const paths = sandboxPaths(dir, await serverRootFor(dir, owner));
  // The folder exists by now: a claim of ports whose folder is missing counts as a leftover.
  let claimFile: string | undefined;
  try {
    const base = request.portBase === undefined ? {} : { base: request.portBase };
    const block = await choosePorts({ options, sandboxDir: dir, cacheDir, ...base });
    claimFile = block.claimFile;
    const context: PlanContext = {
      options,
      paths,
      ports: block.ports,
      binaries,
      templates: await loadTemplates(root),
      ...(owner === undefined ? {} : { owner }),
      archive,
      password: randomPassword(),
      kafkaSecrets: {
        clientPassword: randomPassword(),
        brokerPassword: randomPassword(),
        storePassword: randomPassword(),
      },
      clusterId: kafkaUuid(),
      directoryIds: Array.from({ length: options.brokers }, kafkaUuid),
      baseEnv: baseEnv(request.env),
      serviceEnv: telemetryEnv(request.env),
      uplift: [process.execPath, join(root, 'bin', 'uplift.js')],
      serviceOverrides: request.serviceOverrides ?? {},
      linux: process.platform === 'linux',
    };
    const plan = sandboxPlan(context);
    const manifest = manifestOf(context, block.base, claimFile);
    if (await createManifest(dir, manifest)) return { context, plan, manifest };
    if (claimFile !== undefined) await rm(claimFile, { force: true });
    return undefined;
  } catch (error) {
    if (claimFile !== undefined) await rm(claimFile, { force: true });
    throw error;
  }
}

function manifestOf(
  { options, paths }: PlanContext,
  portBase: number,
  claimFile: string | undefined,
): Manifest {
  return {
    v: 1,
    name: options.name,
    phase: 'preparing',
    createdAtMs: Date.now(),
    serverRoot: paths.serverRoot,
    portBase,
    options,
    ...(claimFile === undefined ? {} : { claimFile }),
  };
}

/** Kafka's own cache, archives, templates and port claims: `$XDG_CACHE_HOME/uplift`, by default `~/.cache/uplift`. */
export function cacheDirOf(env: Readonly<Record<string, string | undefined>>): string {
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'uplift');
}

/** What every unit gets of the caller's environment; the same unit started from elsewhere gets the same. */
function baseEnv(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return { PATH: env.PATH ?? '/usr/local/bin:/usr/bin:/bin', HOME: env.HOME ?? homedir(), LC_ALL: 'C' };
}

/** Where the service sends its traces, if the caller has a collector. Never OTEL_EXPORTER_OTLP_HEADERS: units hold no secret. */
const TELEMETRY = [
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_TRACES_SAMPLER',
  'OTEL_TRACES_SAMPLER_ARG',
  'OTEL_RESOURCE_ATTRIBUTES',
] as const;

function telemetryEnv(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(TELEMETRY.flatMap((name) => (env[name] ? [[name, env[name]] as const] : [])));
}

const randomPassword = (): string => randomBytes(18).toString('hex');

/** A Kafka Uuid: 16 random bytes in URL-safe base64. Those near zero are reserved, one that starts with - reads as a flag. */
export function kafkaUuid(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('base64url');
}
