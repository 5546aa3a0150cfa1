#!/usr/bin/env node
// Plain JavaScript that an old Node can still parse: it must be able to say that it is too old.
import fs from 'node:fs';

const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  process.stderr.write(
    'uplift needs Node 24 or newer; this is Node ' +
      process.versions.node +
      '. Install it, for example: npm install --global node@24\n',
  );
  process.exitCode = 69;
} else {
  const built = new URL('../dist/main.js', import.meta.url);
  const source = new URL('../src/main.ts', import.meta.url);
  import(fs.existsSync(built) ? built.href : source.href).then((main) => main.main());
}
