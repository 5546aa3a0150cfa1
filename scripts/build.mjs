// Bundles src/ into dist/: one file with all that every start needs, and lazy chunks per command, so that `--help` loads
// nothing it does not need. What stands in `dependencies` stays outside and is installed by npm; every other package
// (devDependencies) goes into the bundle, with its licence beside it.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import {
  isNeedlessBuiltin,
  lightBuiltins,
  moduleSideEffects,
  packageOf,
  startAlone,
  startFiles,
  wasmInside,
  withoutNeedlessBuiltins,
} from './build/plugins.mjs';
import { root } from './setup/paths.mjs';

/** What may be loaded before a command is chosen. Every SDK is paid for by the commands that use it, not by `--help`. */
const START_PACKAGES = ['commander'];
/** Looked for by `debug` and by Ink where somebody wants it, never installed. */
const OPTIONAL = ['supports-color', 'react-devtools-core'];
const dist = join(root, 'dist');
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const started = performance.now();
const start = startFiles();

const bundle = await rolldown({
  cwd: root,
  input: { entry: 'src/main.ts' },
  platform: 'node',
  external: isExternal,
  treeshake: { moduleSideEffects },
  // React has a second self for those who develop with it, slower and as large again.
  transform: { define: { 'process.env.NODE_ENV': '"production"' } },
  plugins: [start.plugin, withoutNeedlessBuiltins(), wasmInside(), lightBuiltins(), startAlone()],
});
const { output } = await bundle.write({
  dir: dist,
  format: 'esm',
  entryFileNames: '[name].js',
  // The program is the file that every start needs; it keeps the names of what it exports.
  chunkFileNames: ({ name }) => (name === 'main' ? 'main.js' : '[name]-[hash].js'),
  minifyInternalExports: false,
  comments: false,
  minify: false,
  codeSplitting: { groups: [{ name: 'main', test: (id) => start.importerOf.has(id) }] },
});

const chunks = output.filter(({ type }) => type === 'chunk');
removeStale(chunks.map(({ fileName }) => fileName));
writeFileSync(join(dist, 'THIRD-PARTY-LICENSES'), licences(chunks.flatMap(({ moduleIds }) => moduleIds)));

const intruders = [...start.importerOf.keys()].filter(isIntruder);
for (const id of intruders) {
  process.stderr.write(
    `${packageOf(id)} is loaded at every start, also for --help: ${chain(id)}\n` +
      'Load it lazily: import() in the command, or move what needs it out of the files that start.\n',
  );
}
if (intruders.length > 0) process.exitCode = 1;
else report();

/** What is not bundled: Node's own modules and what npm installs beside us. */
function isExternal(id, importer) {
  if (id.startsWith('node:')) return !isNeedlessBuiltin(id, importer);
  return packageOf(id) in dependencies || OPTIONAL.includes(id);
}

/** A package that starts with every command, seen where it comes in: imported by one of our own files. */
function isIntruder(id) {
  const importer = start.importerOf.get(id);
  const isPackage = id.includes('node_modules/') || !/^[/\0]|^node:/.test(id);
  return isPackage && importer?.startsWith(join(root, 'src')) && !START_PACKAGES.includes(packageOf(id));
}

/** How a package came into the start: main.ts → … → the file that imports it. */
function chain(id) {
  const importer = start.importerOf.get(id);
  const name = id.startsWith(join(root, 'src')) ? id.slice(root.length + 1) : packageOf(id);
  return importer === null ? name : `${chain(importer)} → ${name}`;
}

function report() {
  const begin = chunks.find(({ fileName }) => fileName === 'main.js');
  const kib = (begin.code.length / 1024).toFixed(0);
  const ms = (performance.now() - started).toFixed(0);
  process.stdout.write(`${chunks.length} files, start ${kib} KiB in one, ${ms} ms\n`);
}

/** Who made what is in the bundle, and under which terms: most licences want to travel with the code. */
function licences(moduleIds) {
  const folders = new Set(
    moduleIds
      .filter((id) => id.includes('node_modules/'))
      .map((id) => `${id.slice(0, id.lastIndexOf('node_modules/'))}node_modules/${packageOf(id)}`),
  );
  const texts = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file === undefined ? `Licence: ${license}` : readFileSync(join(folder, file), 'utf8').trim();
    return `${name} ${version}\n\n${text}\n`;
  });
  return `The files in this folder contain these packages.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

/** Chunks of an earlier build: their names carry hashes, so they would pile up. */
function removeStale(current) {
  for (const name of readdirSync(dist)) {
    if (/\.js(\.map)?$/.test(name) && !current.includes(name)) rmSync(join(dist, name));
  }
}
