import type { PromiseOrigin } from '../core/finding.ts';
import { valueAt } from './issues.ts';
import { formatPath, type Path } from './path.ts';
import type { AnySection, ConfigProblem, EnvBinding } from './section.ts';

/** A value set from outside the file. */
export interface Override {
  readonly path: Path;
  readonly value: unknown;
  readonly origin: PromiseOrigin;
}

/** A flag that sets a value of the configuration, e.g. `{path: ['limits', 'rtoMs'], value: 30000, flag: '--rto'}`. */
export interface FlagOverride {
  readonly path: Path;
  readonly value: unknown;
  readonly flag: string;
}

export interface Overrides {
  readonly overrides: readonly Override[];
  readonly problems: readonly ConfigProblem[];
}

/** Environment first, flags after it: later ones win (flag > environment > file > default). */
export function collectOverrides(
  sections: readonly AnySection[],
  env: Readonly<Record<string, string | undefined>>,
  flags: readonly FlagOverride[],
  data: unknown,
): Overrides {
  const overrides: Override[] = [];
  const problems: ConfigProblem[] = [];
  for (const binding of sections.flatMap((section) => section.env ?? [])) {
    const text = env[binding.name];
    if (text === undefined || text === '') continue;
    const problem = regionProblem(binding, data);
    if (problem !== undefined) problems.push(problem);
    else
      overrides.push({
        path: binding.path,
        value: binding.parse?.(text) ?? text,
        origin: { source: 'env', text: binding.name },
      });
  }
  for (const { path, value, flag } of flags)
    overrides.push({ path, value, origin: { source: 'flag', text: flag } });
  return { overrides, problems };
}

function regionProblem(binding: EnvBinding, data: unknown): ConfigProblem | undefined {
  if (binding.onlyWithOneRegion !== true) return undefined;
  const regions = valueAt(data, ['regions']);
  const count = Array.isArray(regions) ? regions.length : 0;
  if (count === 1) return undefined;
  const message = `is set, but ${binding.name} counts only with exactly one region and there are ${count}. Unset it`;
  return { path: binding.path, code: 'UPL-CONFIG-ENV', message };
}

/** A copy of the data with the overrides in it; a missing group on the way is made, a scalar in the way is replaced. */
export function applyOverrides(data: unknown, overrides: readonly Override[]): unknown {
  return overrides.reduce((result, override) => setAt(result, override.path, override.value), data);
}

function setAt(data: unknown, path: Path, value: unknown): unknown {
  const [part, ...rest] = path;
  if (part === undefined) return value;
  if (typeof part === 'number') {
    const list: unknown[] = Array.isArray(data) ? [...(data as unknown[])] : [];
    list[part] = setAt(list[part], rest, value);
    return list;
  }
  const group: Record<string, unknown> =
    data !== null && typeof data === 'object' && !Array.isArray(data) ? { ...data } : {};
  group[part] = setAt(group[part], rest, value);
  return group;
}

/** The last override that decides the value at a path: one at it or above it. */
export function overrideAt(overrides: readonly Override[], path: Path): Override | undefined {
  const text = formatPath(path);
  return overrides.findLast(
    (override) =>
      override.path.length <= path.length &&
      text.startsWith(formatPath(override.path)) &&
      isAbove(override.path, path),
  );
}

function isAbove(upper: Path, path: Path): boolean {
  return upper.every((part, index) => part === path[index]);
}
