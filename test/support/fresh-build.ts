import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './source-tree.ts';

/**
 * Before tests that run `bin/uplift.js`: it prefers a build to the sources, so a build that is older than they are would
 * be tested in their place. Where there is none, the sources run and nothing is built.
 */
export async function setup(): Promise<void> {
  if (!existsSync(join(root, 'dist', 'main.js'))) return;
  const { buildBundle } = (await import(join(root, 'scripts', 'setup', 'build.mjs'))) as {
    buildBundle: (doing: (what: string) => void) => Promise<string>;
  };
  await buildBundle(() => undefined);
}
