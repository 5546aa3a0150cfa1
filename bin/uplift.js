#!/usr/bin/env node
// Plain JavaScript that an old Node can still parse: it must be able to say that it is too old.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  process.stderr.write(
    'uplift needs Node 24 or newer; this is Node ' +
      process.versions.node +
      '. Install it, for example: npm install --global node@24\n',
  );
  process.exitCode = 69;
} else {
  keepCompiledCode();
  const built = new URL('../dist/main.js', import.meta.url);
  const source = new URL('../src/main.ts', import.meta.url);
  const { existsSync } = process.getBuiltinModule('node:fs');
  import(existsSync(built) ? built.href : source.href).then((main) => main.main());
}

/**
 * Node keeps the compiled code of what it loads in the user's cache, which saves a tenth of every start. Node checks each
 * entry against its source, and starts without them where the folder cannot be written; NODE_DISABLE_COMPILE_CACHE=1 and
 * NODE_COMPILE_CACHE win. Never in the temporary folder, Node's own default: there another user could have made it.
 */
function keepCompiledCode() {
  const { XDG_CACHE_HOME, HOME } = process.env;
  const cache = XDG_CACHE_HOME || (HOME && `${HOME}/.cache`);
  if (cache) process.getBuiltinModule('node:module').enableCompileCache(`${cache}/uplift/compiled`);
}
