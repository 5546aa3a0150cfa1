import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { sandboxConfigsIn } from '../../config/find.ts';
import { DRILL_NAMES } from '../../drills/names.ts';
import type { ValueSpec } from './index.ts';

/** What can be told about a value without asking a server: by its name, whatever command it belongs to. */
const SOURCES: Readonly<Record<string, (stateDir: string) => readonly string[]>> = {
  drill: () => DRILL_NAMES.map(({ id }) => id),
  name: (stateDir) => sandboxConfigsIn(stateDir).map((file) => basename(dirname(file))),
  run: (stateDir) => namesIn(join(stateDir, 'runs')).toReversed(),
  unit: (stateDir) =>
    sandboxConfigsIn(stateDir).flatMap((file) =>
      namesIn(join(dirname(file), 'units'))
        .filter((name) => /^[a-z0-9-]+\.json$/.test(name))
        .map((name) => basename(name, '.json')),
    ),
};

/** Choices of a value, or what the state folder knows of it; empty where nothing can be told. */
export function valuesOf(value: ValueSpec, stateDir: string): readonly string[] {
  return value.choices.length > 0 ? value.choices : (SOURCES[value.name]?.(stateDir) ?? []);
}

/** Does the shell know better than we do? */
export const isFile = ({ kind }: ValueSpec): boolean => kind === 'file' || kind === 'folder';

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch {
    // Nothing ever ran here.
    return [];
  }
}
