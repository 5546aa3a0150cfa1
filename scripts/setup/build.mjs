import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { pinnedNode, root } from './paths.mjs';
import { lastWords, run } from './run.mjs';
import { SetupError } from './stage.mjs';

const BUILD_LIMIT_MS = 60_000;
const stampFile = join(root, 'dist', '.sources');

/** Bundles src/ into dist/ when a source changed since the last time. */
export async function buildBundle(doing) {
  if (isFresh()) return 'up to date';
  return withLock(join(root, '.cache', 'build.lock'), doing, async () =>
    isFresh() ? 'built by another set-up' : build(doing),
  );
}

const isFresh = () => existsSync(stampFile) && readFileSync(stampFile, 'utf8') === sourceHash();

async function build(doing) {
  const sources = sourceHash();
  doing('rolldown');
  const { code, output } = await run(pinnedNode, [join(root, 'scripts', 'build.mjs')], {
    cwd: root,
    timeoutMs: BUILD_LIMIT_MS,
  });
  if (code !== 0) throw new SetupError(`The build failed:\n${lastWords(output, 30)}`, { exit: 1 });
  writeFileSync(stampFile, sources);
  return output.trim().split('\n').at(-1);
}

/** Contents, not times: a checkout sets every time anew. */
function sourceHash() {
  const hash = createHash('sha256');
  const files = [
    'package.json',
    'package-lock.json',
    'scripts/build.mjs',
    ...sourcesUnder('scripts/build'),
    ...sourcesUnder('src'),
  ];
  for (const file of files)
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0');
  return hash.digest('hex');
}

function sourcesUnder(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return sourcesUnder(path);
      return entry.name.endsWith('.test.ts') ? [] : [path];
    });
}
