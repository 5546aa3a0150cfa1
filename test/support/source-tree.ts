import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { importsOf } from './imports.ts';
import type { Module } from './layers.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Files below a folder of the project, relative to it. */
export function filesUnder(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => posix.relative(join(root, folder), join(entry.parentPath, entry.name)))
    .sort();
}

/** What is tracked, or would be: the files a commit is made of. Without git (a tarball): everything but what was built. */
export function projectFiles(): string[] {
  try {
    const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: root,
      encoding: 'utf8',
    });
    return listed.split('\0').filter((path) => path !== '' && existsSync(join(root, path)));
  } catch {
    return filesUnder('.').filter((path) => !/^(node_modules|dist|\.git|\.cache|\.uplift)\//.test(path));
  }
}

/** Resolves `./x.ts` as seen from a module into `src:folder/x.ts`; packages stay as they are. */
export function moduleOf(path: string, source: string): Module {
  const imports = importsOf(source).map((found) =>
    found.specifier.startsWith('.')
      ? { ...found, specifier: `src:${posix.join(posix.dirname(path), found.specifier)}` }
      : found,
  );
  return { path, imports };
}
