import { execFile, execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { read, root } from './support/source-tree.ts';

const run = promisify(execFile);
const NAME = 'packed';
const MEBIBYTE = 1024 * 1024;
const STEP_LIMIT_MS = 300_000;

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}
interface Tools {
  readonly node: string;
  readonly npm: string;
}

let dir = '';
let place = '';
let packed: Packed;
let tools: Tools;
let env: NodeJS.ProcessEnv = {};
let npmEnv: NodeJS.ProcessEnv = {};

/** npm of the set-up on the Node of the set-up, with the user's way to the registry. */
async function npm(args: readonly string[], cwd: string): Promise<string> {
  const { stdout } = await run(tools.node, [tools.npm, ...args], {
    cwd,
    env: { ...process.env, ...env, ...npmEnv },
    timeout: STEP_LIMIT_MS,
  });
  return stdout;
}

/** The command as the shell of somebody who installed the package finds it. */
async function uplift(...args: string[]): Promise<string> {
  const { stdout } = await run(join(place, 'node_modules', '.bin', 'uplift'), args, {
    cwd: place,
    env,
    timeout: STEP_LIMIT_MS,
  });
  return stdout;
}

async function setUpTools(): Promise<Tools> {
  const { cachedNode } = (await import(join(root, 'scripts', 'setup', 'node24.mjs'))) as {
    cachedNode: (version: string, doing: () => void) => Promise<Tools>;
  };
  const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, { version: string }> };
  return cachedNode(lock.packages['node_modules/node']?.version ?? '', () => undefined);
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'uplift-package-'));
  place = join(dir, 'place');
  await Promise.all([mkdir(place), mkdir(join(dir, 'home'))]);
  tools = await setUpTools();
  const npmConfig = (key: string): string =>
    execFileSync(tools.node, [tools.npm, 'config', 'get', key], { encoding: 'utf8' }).trim();
  env = {
    PATH: `${dirname(tools.node)}:/usr/bin:/bin`,
    HOME: join(dir, 'home'),
    // Kafka's jars and its class archive: hundreds of megabytes that need not come twice.
    XDG_CACHE_HOME: process.env.XDG_CACHE_HOME || join(homedir(), '.cache'),
    LC_ALL: 'C.UTF-8',
  };
  npmEnv = { npm_config_userconfig: npmConfig('userconfig'), npm_config_cache: npmConfig('cache') };
  const said = await npm(['pack', '--json', '--silent', '--pack-destination', dir], root);
  // The build before it speaks too.
  const [only] = JSON.parse(said.slice(said.indexOf('[\n'))) as Packed[];
  if (only === undefined) throw new Error(`npm pack made nothing: ${said}`);
  packed = only;
  await npm(['init', '--yes', '--silent'], place);
  await npm(
    ['install', '--prefer-offline', '--no-audit', '--no-fund', '--silent', join(dir, packed.filename)],
    place,
  );
}, STEP_LIMIT_MS);

afterAll(async () => {
  if (existsSync(join(place, '.uplift', 'sandbox', NAME))) await uplift('sandbox', 'down', '--name', NAME);
  await rm(dir, { recursive: true, force: true });
}, STEP_LIMIT_MS);

/** Names of packages, those of a scope with it. */
async function installedIn(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.'));
  const scoped = names.filter((name) => name.startsWith('@'));
  const inScopes = await Promise.all(
    scoped.map(async (scope) => (await readdir(join(folder, scope))).map((name) => `${scope}/${name}`)),
  );
  return [...names.filter((name) => !scoped.includes(name)), ...inScopes.flat()];
}

describe('the package', () => {
  it('holds what runs and what is read, no sources and no tests, and is small', () => {
    const paths = packed.files.map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining([
        'LICENSE',
        'README.md',
        'CHANGELOG.md',
        'dist/main.js',
        'dist/THIRD-PARTY-LICENSES',
      ]),
    );
    expect(paths.filter((path) => /^(src|test|bench)\/|\.(test\.\w+|ts|map)$/.test(path))).toEqual([]);
    expect(statSync(join(dir, packed.filename)).size).toBeLessThan(MEBIBYTE);
  });

  it('brings what it needs to run, and nothing that only builds it', async () => {
    const installed = await installedIn(join(place, 'node_modules'));
    const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
    expect(installed).toEqual(expect.arrayContaining(Object.keys(manifest.dependencies ?? {})));
    const builders = ['typescript', 'rolldown', 'vitest', 'node', 'zod'];
    expect(installed.filter((name) => builders.includes(name))).toEqual([]);
  });

  it('says its version, its help and what to type first, in an empty folder with an empty home', async () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };
    expect(await uplift('--version')).toBe(`${version}\n`);
    expect(await uplift('--help')).toContain('sandbox');
    expect(await uplift()).toContain('uplift sandbox up ');
    expect(await uplift('completion', 'bash')).toContain('complete -o default -F');
  });

  it('finds or gets what a sandbox needs, as often as it is asked', async () => {
    expect(await uplift('sandbox', 'install')).toMatch(/All that a sandbox needs is here: Kafka [\d.]+/);
    expect(await uplift('sandbox', 'install')).toContain('in the cache');
  });

  it('starts a platform, makes its topics, proves them, and takes everything away again', async () => {
    expect(await uplift('sandbox', 'up', '--no-service', '--name', NAME)).toContain(`Sandbox ${NAME} is up`);
    expect(await uplift('topics', 'plan')).toContain('uplift topics apply');
    await uplift('topics', 'apply', '--yes');
    const verified = JSON.parse(await uplift('topics', 'verify', '--output', 'json')) as { exit: number };
    expect(verified.exit).toBe(0);
    expect(await uplift()).toContain(`There is the sandbox ${NAME}`);
    await uplift('sandbox', 'down', '--name', NAME);
    expect(existsSync(join(place, '.uplift', 'sandbox', NAME))).toBe(false);
  });

  it('leaves nothing in the home of the user', async () => {
    expect(await readdir(join(dir, 'home'))).toEqual([]);
  });
});
