import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { withLock } from './lock.mjs';
import { binFolder, cacheFolder, pathWithoutTools, pinnedNode } from './paths.mjs';
import { lastWords, run } from './run.mjs';
import { SetupError } from './stage.mjs';

/** The npm that installs our packages: old ones leave out platform builds that need a newer Node than they run on. */
const NPM_VERSION = '11.19.1';
const INSTALL_LIMIT_MS = 10 * 60_000;
const QUIET = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
/** npm's own pauses let a machine without a network wait for minutes. */
const RETRIES = ['--fetch-retries=2', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000'];

/** What the `node` package would fetch for this machine by its install script. */
const packageName = `${process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node'}-${process.platform}-${process.arch}`;

/** Does this program run here, and is it the version we want? */
export async function isNode(file, version) {
  const { code, output } = await run(file, ['--version'], { timeoutMs: 10_000 });
  return code === 0 && output.trim() === `v${version}`;
}

/**
 * Node of this version and a new npm, in the cache that all clones share: `{node, npm}` as paths. They come through the
 * user's own npm, whatever its age, from the npm registry it is set up for.
 */
export async function cachedNode(version, doing) {
  const folder = join(cacheFolder, `node-${version}-npm-${NPM_VERSION}-${process.platform}-${process.arch}`);
  const there = toolsIn(folder);
  if (await isNode(there.node, version)) return there;
  return withLock(join(cacheFolder, 'node.lock'), doing, async () => {
    if (await isNode(there.node, version)) return there;
    doing(`npm install ${packageName}@${version}`);
    mkdirSync(cacheFolder, { recursive: true });
    const fresh = mkdtempSync(join(cacheFolder, '.node-'));
    try {
      const wanted = [`${packageName}@${version}`, `npm@${NPM_VERSION}`];
      const { code, output } = await usersNpm([
        'install',
        '--prefix',
        fresh,
        '--no-save',
        '--ignore-scripts',
        ...QUIET,
        ...wanted,
      ]);
      if (code !== 0 || !(await isNode(toolsIn(fresh).node, version)))
        throw new SetupError(notInstalled(version, output));
      rmSync(folder, { recursive: true, force: true });
      renameSync(fresh, folder);
    } finally {
      rmSync(fresh, { recursive: true, force: true });
    }
    return there;
  });
}

/** Puts Node where npm scripts find it first: node_modules/.bin/node, as the `node` package lays it out. */
export function linkNode(node) {
  mkdirSync(dirname(pinnedNode), { recursive: true });
  rmSync(pinnedNode, { force: true });
  try {
    linkSync(node, pinnedNode);
  } catch {
    // The cache is on another file system.
    copyFileSync(node, pinnedNode);
  }
  mkdirSync(binFolder, { recursive: true });
  rmSync(join(binFolder, 'node'), { force: true });
  symlinkSync('../node/bin/node', join(binFolder, 'node'));
}

/** `npm ci` in a folder, by the cached npm on the cached Node. Install scripts stay off: none of our packages needs its own. */
export function npmCi({ node, npm }, cwd) {
  const env = { ...process.env, PATH: `${dirname(node)}:${pathWithoutTools()}`, NODE_ENV: 'development' };
  return run(node, [npm, 'ci', '--include=dev', '--ignore-scripts', ...QUIET, ...RETRIES], {
    env,
    cwd,
    timeoutMs: INSTALL_LIMIT_MS,
  });
}

function toolsIn(folder) {
  const modules = join(folder, 'node_modules');
  return { node: join(modules, packageName, 'bin', 'node'), npm: join(modules, 'npm', 'bin', 'npm-cli.js') };
}

/** npm as the user called it, on the Node that it runs on. */
function usersNpm(args) {
  const options = { env: { ...process.env, PATH: pathWithoutTools() }, timeoutMs: INSTALL_LIMIT_MS };
  const { npm_execpath: script, npm_node_execpath: node } = process.env;
  const known = script !== undefined && basename(script) === 'npm-cli.js' && existsSync(script);
  return known ? run(node ?? process.execPath, [script, ...args], options) : run('npm', args, options);
}

const notInstalled = (version, output) =>
  `Node ${version} could not be installed from npm for ${process.platform}-${process.arch}:\n${lastWords(output)}\n` +
  "  Check the network and npm's registry setting, then type the same command again.";
