import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { UpliftError } from '../core/error.ts';
import { sandboxDir } from './layout.ts';

const manifestSchema = z.object({
  v: z.literal(1),
  name: z.string(),
  /** `preparing`: an `up` is under way, or died on the way. */
  phase: z.enum(['preparing', 'ready']),
  createdAtMs: z.number(),
  /** Differs from the sandbox folder when the servers' user could not reach it. */
  serverRoot: z.string(),
  portBase: z.int(),
  claimFile: z.string().optional(),
  options: z.object({
    name: z.string(),
    brokers: z.int(),
    racks: z.int(),
    service: z.boolean(),
    partitions: z.int(),
    /** Sandboxes made before there was `--secure` do not have it. */
    secure: z.boolean().default(false),
  }),
});
/** The first file of a sandbox and the last to go: what exists, and where. */
export type Manifest = z.infer<typeof manifestSchema>;

const FILE = 'sandbox.json';

/** Undefined when there is no such sandbox; a broken file is UPL-INPUT-INVALID. */
export async function readManifest(dir: string): Promise<Manifest | undefined> {
  const file = join(dir, FILE);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new UpliftError('UPL-INPUT-INVALID', {
      message: `${file} is not the description of a sandbox.`,
      cause,
    });
  }
}

/** Makes the folder and its manifest; false when another `up` was first. */
export async function createManifest(dir: string, manifest: Manifest): Promise<boolean> {
  await mkdir(dir, { recursive: true, mode: 0o755 });
  try {
    await writeFile(join(dir, FILE), textOf(manifest), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

export async function updateManifest(dir: string, manifest: Manifest): Promise<void> {
  const temporary = join(dir, `${FILE}.tmp`);
  await writeFile(temporary, textOf(manifest));
  await rename(temporary, join(dir, FILE));
}

const textOf = (manifest: Manifest): string => `${JSON.stringify(manifest, null, 2)}\n`;

/** Names of the sandboxes of a state folder, sorted. */
export async function listSandboxes(stateDir: string): Promise<string[]> {
  const names = await readdir(join(stateDir, 'sandbox')).catch((): string[] => []);
  const known = await Promise.all(
    names.map((name) => readManifest(sandboxDir(stateDir, name)).catch(() => undefined)),
  );
  return names.filter((_, at) => known[at] !== undefined).sort();
}

/** The manifest of a sandbox that must exist, else UPL-SANDBOX-NOT-FOUND naming those that do. */
export async function requireManifest(stateDir: string, name: string): Promise<Manifest> {
  const manifest = await readManifest(sandboxDir(stateDir, name));
  if (manifest !== undefined) return manifest;
  const others = await listSandboxes(stateDir);
  throw new UpliftError('UPL-SANDBOX-NOT-FOUND', {
    message: `There is no sandbox "${name}" in ${stateDir}.${others.length === 0 ? '' : ` There is: ${others.join(', ')}.`}`,
    next:
      others[0] === undefined
        ? `uplift sandbox up --name ${name}`
        : `uplift sandbox status --name ${others[0]}`,
  });
}
