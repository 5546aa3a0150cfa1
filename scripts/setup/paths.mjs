import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder, wherever it was cloned. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
export const binFolder = join(root, 'node_modules', '.bin');
/** Node 24 as the `node` npm package lays it out. */
export const pinnedNode = join(root, 'node_modules', 'node', 'bin', 'node');

/** What several clones share: `$XDG_CACHE_HOME/uplift`, by default `~/.cache/uplift`. */
export const cacheFolder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'uplift');

/** PATH with this project's own tools first, so that `node` is the pinned Node 24. */
export function pathWithTools() {
  return `${binFolder}:${pathWithoutTools()}`;
}

/** PATH as the user's shell has it: npm puts `node_modules/.bin` in front, and `npm ci` deletes what lies there. */
export function pathWithoutTools() {
  const folders = (process.env.PATH ?? '').split(':');
  return folders
    .filter((folder) => folder !== '' && !folder.startsWith(join(root, 'node_modules')))
    .join(':');
}
