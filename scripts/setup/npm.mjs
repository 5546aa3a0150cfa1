import { chmodSync, existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { withLock } from './lock.mjs';
import { binFolder, pathWithoutTools, pinnedNode, root } from './paths.mjs';
import { lastWords, run } from './run.mjs';
import { SetupError } from './stage.mjs';

const INSTALL_LIMIT_MS = 10 * 60_000;
const lockFile = join(root, 'package-lock.json');
const modules = join(root, 'node_modules');

/** `npm ci` unless node_modules already is what package-lock.json says, and a Node 24 that really runs. */
export async function npmPackages(doing) {
  const before = await state();
  if (before === undefined) return `up to date, Node ${wanted()}`;
  const did = await withLock(join(root, '.cache', 'npm.lock'), doing, async () => {
    const reason = await state();
    if (reason === undefined) return 'installed by another set-up';
    if (reason !== 'no Node 24') await install(doing, reason);
    if (!(await runs(pinnedNode))) await installNodeBinary(doing);
    return `${Object.keys(readPackages(lockFile)).length - 1} packages in the lock file`;
  });
  return `${did}, Node ${wanted()}`;
}

/** Why something has to be installed; undefined: nothing has to. */
async function state() {
  const wantedPackages = readPackages(lockFile);
  // npm writes this file last, after all install scripts: an interrupted install has none.
  const installed = existsSync(join(modules, '.package-lock.json'))
    ? readPackages(join(modules, '.package-lock.json'))
    : undefined;
  if (installed === undefined) return 'first time';
  for (const [path, entry] of Object.entries(wantedPackages)) {
    // Builds for other platforms are optional and not installed here.
    if (path === '' || (entry.optional === true && installed[path] === undefined)) continue;
    if (installed[path]?.version !== entry.version || !existsSync(join(root, path))) return 'package-lock.json changed';
  }
  return (await runs(pinnedNode)) ? undefined : 'no Node 24';
}

async function install(doing, reason) {
  doing(`npm ci (${reason})`);
  const args = ['ci', '--include=dev', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  const first = await npm(args);
  if (first.code === 0) return;
  // A failing install script undoes the whole of `npm ci`. None of our packages needs its script: Node comes next.
  doing('npm ci failed, once more without install scripts');
  const second = await npm([...args, '--ignore-scripts']);
  if (second.code === 0) return;
  throw new SetupError(
    `npm ci failed:\n${lastWords(second.output)}\n  Check the network and npm's registry setting, then type the same command again.`,
  );
}

/** What the install script of the `node` package does, for when it failed or install scripts are switched off. */
async function installNodeBinary(doing) {
  const name = `${process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node'}-${process.platform}-${process.arch}`;
  doing(`npm install ${name}@${wanted()}`);
  const folder = mkdtempSync(join(modules, '.node-'));
  try {
    const args = ['install', '--prefix', folder, '--no-save', '--ignore-scripts', '--prefer-offline', '--no-audit'];
    const { code, output } = await npm([...args, '--no-fund', '--loglevel=error', `${name}@${wanted()}`]);
    const binary = join(folder, 'node_modules', name, 'bin', 'node');
    if (code !== 0 || !(await runs(binary))) throw new SetupError(noNode(output));
    mkdirSync(join(modules, 'node', 'bin'), { recursive: true });
    rmSync(pinnedNode, { force: true });
    linkSync(binary, pinnedNode);
    chmodSync(pinnedNode, 0o755);
    mkdirSync(binFolder, { recursive: true });
    rmSync(join(binFolder, 'node'), { force: true });
    symlinkSync('../node/bin/node', join(binFolder, 'node'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const noNode = (output) =>
  `Node ${wanted()} could not be installed from npm for ${process.platform}-${process.arch}:\n${lastWords(output)}\n` +
  '  Install Node 24 by hand (for example: npm install --global node@24), then type the same command again.';

/** npm as the user called it, on the Node that the user's npm runs on: an old npm does not like a new Node. */
function npm(args) {
  const env = { ...process.env, PATH: pathWithoutTools(), NODE_ENV: 'development' };
  const script = process.env.npm_execpath;
  const options = { env, cwd: root, timeoutMs: INSTALL_LIMIT_MS };
  if (script === undefined || basename(script) !== 'npm-cli.js') return run('npm', args, options);
  return run(process.env.npm_node_execpath ?? process.execPath, [script, ...args], options);
}

async function runs(node) {
  const { code, output } = await run(node, ['--version'], { timeoutMs: 10_000 });
  return code === 0 && output.trim() === `v${wanted()}`;
}

const readPackages = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;
const wanted = () => readPackages(lockFile)['node_modules/node'].version;
