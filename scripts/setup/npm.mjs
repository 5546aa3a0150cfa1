import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { cachedNode, isNode, linkNode, npmCi } from './node24.mjs';
import { pinnedNode, root } from './paths.mjs';
import { lastWords } from './run.mjs';
import { SetupError } from './stage.mjs';

const installedFile = join(root, 'node_modules', '.package-lock.json');

/** `npm ci` unless node_modules already is what package-lock.json says, and a Node 24 that really runs. */
export async function npmPackages(doing) {
  const locked = readPackages(join(root, 'package-lock.json'));
  const version = locked['node_modules/node'].version;
  const complete = async () => difference(locked) === undefined && (await isNode(pinnedNode, version));
  if (await complete()) return `up to date, Node ${version}`;
  return withLock(join(root, '.cache', 'npm.lock'), doing, async () => {
    if (await complete()) return `installed by another set-up, Node ${version}`;
    const tools = await cachedNode(version, doing);
    const reason = difference(locked);
    if (reason !== undefined) await install(tools, reason, doing);
    linkNode(tools.node);
    return `${Object.keys(readPackages(installedFile)).length} packages, Node ${version}`;
  });
}

async function install(tools, reason, doing) {
  doing(`npm ci (${reason})`);
  const { code, output } = await npmCi(tools, root);
  if (code === 0) return;
  throw new SetupError(
    `npm ci failed:\n${lastWords(output)}\n  Check the network and npm's registry setting, then type the same command again.`,
  );
}

/** What node_modules lacks of the lock file; undefined: nothing. */
function difference(locked) {
  // npm writes this file last: an interrupted install has none.
  if (!existsSync(installedFile)) return 'first time';
  const installed = readPackages(installedFile);
  const wrong = Object.entries(locked).find(
    ([path, entry]) =>
      path !== '' &&
      isNeeded(entry) &&
      (installed[path]?.version !== entry.version || !existsSync(join(root, path))),
  );
  return wrong && `${wrong[0].replace(/^.*node_modules\//, '')} is not as in package-lock.json`;
}

/** An optional package is needed when it is a build for exactly this machine. */
function isNeeded({ optional, os, cpu, libc }) {
  if (optional !== true) return true;
  if (os === undefined || cpu === undefined) return false;
  return (
    os.includes(process.platform) &&
    cpu.includes(process.arch) &&
    (libc === undefined || libc.includes(ownLibc()))
  );
}

const ownLibc = () =>
  process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';

const readPackages = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;
