// Bundles src/ into dist/: one start chunk and one lazy chunk per command, so that `--help` loads nothing it does not need.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './setup/paths.mjs';

/** What may be loaded before a command is chosen. Every SDK is paid for by the commands that use it, not by `--help`. */
const START_PACKAGES = ['commander'];
const ENTRY = 'dist/main.js';

const started = performance.now();
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['src/main.ts'],
  outdir: 'dist',
  format: 'esm',
  platform: 'node',
  target: 'node24',
  bundle: true,
  splitting: true,
  packages: 'external',
  sourcemap: true,
  metafile: true,
  logLevel: 'warning',
  chunkNames: '[name]-[hash]',
});

const start = startGraph(metafile.outputs);
const intruders = [...start.packages].filter(([name]) => !START_PACKAGES.includes(name));
removeStale(Object.keys(metafile.outputs));

if (intruders.length > 0) {
  for (const [name, by] of intruders) {
    process.stderr.write(
      `${name} is loaded at every start, also for --help: ${chain(metafile.inputs, name, by)}\n`,
    );
  }
  process.stderr.write(
    'Load it lazily: import() in the command, or move what needs it out of the files that start.\n',
  );
  process.exitCode = 1;
} else {
  const kib = (start.bytes / 1024).toFixed(0);
  const files = Object.keys(metafile.outputs).filter((name) => name.endsWith('.js')).length;
  const ms = (performance.now() - started).toFixed(0);
  process.stdout.write(
    `${files} files, start ${kib} KiB + ${[...start.packages.keys()].join(', ')}, ${ms} ms\n`,
  );
}

/** All that is evaluated before main() runs: the entry and what it imports statically, at any depth. */
function startGraph(outputs) {
  const packages = new Map();
  const seen = new Set();
  let bytes = 0;
  const visit = (name) => {
    if (seen.has(name)) return;
    seen.add(name);
    bytes += outputs[name].bytes;
    for (const edge of outputs[name].imports) {
      if (edge.kind !== 'import-statement') continue;
      if (!edge.external) visit(edge.path);
      else if (!edge.path.startsWith('node:'))
        packages.set(packageOf(edge.path), Object.keys(outputs[name].inputs));
    }
  };
  visit(ENTRY);
  return { packages, bytes };
}

/** `@scope/name/part` → `@scope/name`. */
function packageOf(path) {
  return path
    .split('/')
    .slice(0, path.startsWith('@') ? 2 : 1)
    .join('/');
}

/** How a package came into the start: main.ts → … → the file that imports it. */
function chain(inputs, name, candidates) {
  const target = candidates.filter((file) =>
    inputs[file].imports.some((edge) => edge.external && packageOf(edge.path) === name),
  );
  const queue = [['src/main.ts']];
  const seen = new Set(queue[0]);
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    const file = path[path.length - 1];
    if (target.includes(file)) return [...path, name].join(' → ');
    for (const edge of inputs[file]?.imports ?? []) {
      if (edge.external || edge.kind !== 'import-statement' || seen.has(edge.path)) continue;
      seen.add(edge.path);
      queue.push([...path, edge.path]);
    }
  }
  return target.join(', ');
}

/** Chunks of an earlier build: their names carry hashes, so they would pile up. */
function removeStale(current) {
  for (const name of readdirSync(join(root, 'dist'))) {
    if (/\.js(\.map)?$/.test(name) && !current.includes(`dist/${name}`)) rmSync(join(root, 'dist', name));
  }
}
