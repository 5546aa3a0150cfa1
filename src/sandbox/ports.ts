import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { UpliftError } from '../core/error.ts';
import { type PortUse, portPlan } from './layout.ts';
import type { SandboxOptions } from './options.ts';

/** Below Linux's ephemeral range (32768 up), so that no outgoing connection can sit on a port of ours. */
const FIRST_BASE = 20_000;
const BLOCK = 64;
const BLOCKS = 190;

export interface PortRequest {
  readonly options: SandboxOptions;
  /** `--port-base`: exactly these ports, or UPL-SANDBOX-PORT-USED. */
  readonly base?: number;
  /** Says whose block it is; a claim of a sandbox that no longer exists is taken over. */
  readonly sandboxDir: string;
  readonly cacheDir: string;
}

export interface PortBlock {
  readonly base: number;
  readonly ports: readonly PortUse[];
  readonly claimFile?: string;
}

/** Finds ports for a sandbox and claims their block, so that two sandboxes starting at once never share one. */
export async function choosePorts(request: PortRequest): Promise<PortBlock> {
  const { base } = request;
  if (base === undefined) return searchBlock(request);
  const ports = portPlan(request.options, base);
  const last = ports.at(-1)?.port ?? base;
  if (!Number.isInteger(base) || base < 1024 || last > 65_535) {
    throw new UpliftError('UPL-USAGE', {
      message: `--port-base ${base}: ports ${base} to ${last} must lie in 1024 to 65535.`,
    });
  }
  await assertPortsFree(ports);
  return { base, ports };
}

/** Throws UPL-SANDBOX-PORT-USED naming every taken port and the unit that wanted it. */
export async function assertPortsFree(ports: readonly PortUse[]): Promise<void> {
  const used = await usedPorts(ports);
  if (used.length === 0) return;
  const list = used
    .map((use) => `${use.port} (${use.unit}${use.purpose === 'main' ? '' : `, ${use.purpose}`})`)
    .join(', ');
  throw new UpliftError('UPL-SANDBOX-PORT-USED', {
    message: `${used.length === 1 ? 'A port is' : `${used.length} ports are`} taken on 127.0.0.1: ${list}. Nothing was started.`,
    next: 'uplift sandbox up --port-base <N>, or leave it out to have free ports searched',
  });
}

async function usedPorts(ports: readonly PortUse[]): Promise<PortUse[]> {
  const free = await Promise.all(ports.map((use) => portIsFree(use.port)));
  return ports.filter((_, at) => free[at] === false);
}

/** Binds and lets go: the only question whose answer counts is the one the server will ask. */
export function portIsFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

async function searchBlock(request: PortRequest): Promise<PortBlock> {
  const folder = join(request.cacheDir, 'ports');
  await mkdir(folder, { recursive: true });
  // Sandboxes of different folders start their search at different places: fewer meet.
  const start = createHash('sha256').update(request.sandboxDir).digest().readUInt32BE(0) % BLOCKS;
  for (let step = 0; step < BLOCKS; step += 1) {
    const base = FIRST_BASE + ((start + step) % BLOCKS) * BLOCK;
    const claimFile = join(folder, String(base));
    if (!(await claim(claimFile, request.sandboxDir))) continue;
    const ports = portPlan(request.options, base);
    if ((await usedPorts(ports)).length === 0) return { base, ports, claimFile };
    await rm(claimFile, { force: true });
  }
  const last = FIRST_BASE + BLOCKS * BLOCK - 1;
  throw new UpliftError('UPL-SANDBOX-PORT-USED', {
    message: `No free block of ${BLOCK} ports between ${FIRST_BASE} and ${last}.`,
  });
}

/** A claim is a file that names its sandbox. One whose sandbox folder is gone is a leftover, and is removed for the next. */
async function claim(file: string, owner: string): Promise<boolean> {
  try {
    await writeFile(file, owner, { flag: 'wx' });
    return true;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    const other = await readFile(file, 'utf8').catch(() => '');
    if (other !== '' && !(await exists(other))) await rm(file, { force: true });
    return false;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
