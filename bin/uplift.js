#!/usr/bin/env node
// Plain JavaScript that an old Node can still parse: it must be able to say that it is too old.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  process.stderr.write(
    'uplift needs Node 24 or newer; this is Node ' +
      process.versions.node +
      '.\nNext: npm install node@24    (in this folder; then the same command again by npx)\n',
  );
  process.exitCode = 69;
} else {
  const { existsSync } = process.getBuiltinModule('node:fs');
  keepCompiledCode(existsSync);
  const built = new URL('../dist/main.js', import.meta.url);
  const source = new URL('../src/main.ts', import.meta.url);
  import(existsSync(built) ? built.href : source.href).then((main) => main.main());
}

/**
 * Node keeps the compiled code of what it loads in the user's cache, and checks each entry against its source. A folder
 * that cannot be written is no error; a home that does not exist is not made. NODE_DISABLE_COMPILE_CACHE=1 and
 * NODE_COMPILE_CACHE win. Never in the temporary folder, Node's own default: there another user could have made it.
 */
function keepCompiledCode(existsSync) {
  const { XDG_CACHE_HOME, HOME } = process.env;
  const base = XDG_CACHE_HOME || HOME;
  if (!base || !existsSync(base)) return;
  const cache = XDG_CACHE_HOME || `${HOME}/.cache`;
  process.getBuiltinModule('node:module').enableCompileCache(`${cache}/uplift/compiled`);
}
