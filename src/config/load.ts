import { z } from 'zod';
import { UpliftError } from '../core/error.ts';
import type { Finding, PromiseOrigin } from '../core/finding.ts';
import { BASE_SECTIONS } from './base.ts';
import { problemsOf } from './issues.ts';
import {
  applyOverrides,
  collectOverrides,
  type FlagOverride,
  type Override,
  overrideAt,
} from './overrides.ts';
import { formatPath, type Path, parsePath } from './path.ts';
import type { AnySection, ConfigCode, ConfigOf, ConfigProblem } from './section.ts';
import { parseSource, type Source } from './source.ts';
import { suggest } from './suggest.ts';

export interface ConfigInput<S extends readonly AnySection[]> {
  /** As the reader knows it: it stands before every line number. */
  readonly file: string;
  readonly text: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly flags?: readonly FlagOverride[];
  /** The sections of the capabilities; version, environment and regions are always there. */
  readonly sections: S;
}

export type BaseConfig = ConfigOf<typeof BASE_SECTIONS>;
export type FullConfig<S extends readonly AnySection[]> = BaseConfig & ConfigOf<S>;

/** A valid configuration that can say where each of its values was decided. */
export interface Config<V = BaseConfig> {
  readonly file: string;
  readonly value: V;
  /** `uplift.yaml:31`, the variable, the flag, or `default`. Takes `limits.rtoMs` or `['limits', 'rtoMs']`. */
  readonly origin: (path: string | Path) => PromiseOrigin;
  /** Every single value with its path and origin, in file order of the sections. */
  readonly entries: () => readonly ConfigEntry[];
}

export interface ConfigEntry {
  readonly path: string;
  readonly value: unknown;
  readonly origin: PromiseOrigin;
}

/**
 * text → parse → schema → normalise → rules across fields. Throws one UPL-CONFIG-INVALID that holds every problem
 * with its place; it never stops at the first.
 */
export function loadConfig<const S extends readonly AnySection[]>(
  input: ConfigInput<S>,
): Config<FullConfig<S>> {
  const sections: readonly AnySection[] = [...BASE_SECTIONS, ...input.sections];
  const source = parseSource(input.text);
  const { overrides, problems: envProblems } = collectOverrides(
    sections,
    input.env ?? {},
    input.flags ?? [],
    source.data,
  );
  const origin = originOf(input.file, source, overrides);
  const syntax = source.problems.map(({ code, message, place }) =>
    finding(code, `${message}.`, `${input.file}:${place.line}:${place.column}`),
  );
  const isGroup = source.data !== null && typeof source.data === 'object' && !Array.isArray(source.data);
  if (syntax.length === 0 && !isGroup)
    syntax.push(finding('UPL-CONFIG-TYPE', 'The file must hold a group of fields.', `${input.file}:1:1`));
  // What cannot be read as YAML would only be reported a second time as missing fields.
  if (syntax.length > 0) throw invalid(input.file, syntax);
  const data = applyOverrides(source.data, overrides) as Record<string, unknown>;
  const { value, problems } = parseSections(sections, data);
  const all = [...envProblems, ...withUnknownSections(sections, data, problems)];
  if (all.length > 0)
    throw invalid(
      input.file,
      all.map((problem) => findingOf(problem, input.file, source, overrides)),
    );
  return {
    file: input.file,
    value: value as FullConfig<S>,
    origin: (path) => origin(typeof path === 'string' ? (parsePath(path) ?? [path]) : path),
    entries: () =>
      leaves(value, []).map(([path, leaf]) => ({
        path: formatPath(path),
        value: leaf,
        origin: origin(path),
      })),
  };
}

/** Each section is parsed by itself, so that a mistake in one does not hide the rules of another. */
function parseSections(sections: readonly AnySection[], data: Readonly<Record<string, unknown>>) {
  const value: Record<string, unknown> = {};
  const problems: ConfigProblem[] = [];
  for (const section of sections) {
    const parsed = section.schema.safeParse(data[section.key]);
    if (parsed.success) value[section.key] = parsed.data;
    else problems.push(...problemsOf(section.schema, parsed.error, [section.key], data[section.key]));
  }
  for (const section of sections) {
    if (!(section.key in value)) continue;
    for (const rule of section.rules ?? []) {
      for (const { path, message } of rule(value[section.key] as never, value))
        problems.push({ path, code: 'UPL-CONFIG-RULE', message });
    }
  }
  return { value, problems };
}

/** A misspelt top-level key also makes the right one missing: one problem, not two. */
function withUnknownSections(
  sections: readonly AnySection[],
  data: Readonly<Record<string, unknown>>,
  problems: readonly ConfigProblem[],
): ConfigProblem[] {
  const known = sections.map((section) => section.key);
  const unknown = Object.keys(data).filter((key) => !known.includes(key));
  const meant = new Map(unknown.map((key) => [key, suggest(key, known)]));
  const echoed = new Set(meant.values());
  const isEcho = ({ code, path }: ConfigProblem): boolean =>
    code === 'UPL-CONFIG-MISSING-KEY' && path.length === 1 && echoed.has(String(path[0]));
  const misspelt = unknown.map((key): ConfigProblem => {
    const word = meant.get(key);
    const hint = word === undefined ? `. Fields here: ${known.join(', ')}` : `. Did you mean "${word}"?`;
    return { path: [key], code: 'UPL-CONFIG-UNKNOWN-KEY', message: `is not a field${hint}` };
  });
  return [...misspelt, ...problems.filter((problem) => !isEcho(problem))];
}

function originOf(file: string, source: Source, overrides: readonly Override[]) {
  return (path: Path): PromiseOrigin => {
    const override = overrideAt(overrides, path);
    if (override !== undefined) return override.origin;
    const place = source.placeOf(path);
    return place === undefined
      ? { source: 'default', text: 'default' }
      : { source: 'file', text: `${file}:${place.line}` };
  };
}

function findingOf(
  problem: ConfigProblem,
  file: string,
  source: Source,
  overrides: readonly Override[],
): Finding {
  const text = `${formatPath(problem.path)} ${problem.message}`;
  const override = overrideAt(overrides, problem.path);
  const place = override?.origin.text ?? nearestPlace(problem.path, file, source);
  return finding(problem.code, /[.?!]$/.test(text) ? text : `${text}.`, place);
}

/** Where the key stands, or, for one that is missing, the group it should stand in. */
function nearestPlace(path: Path, file: string, source: Source): string {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const place = source.placeOf(path.slice(0, depth));
    if (place !== undefined) return `${file}:${place.line}:${place.column}`;
  }
  return `${file}:1:1`;
}

function finding(id: ConfigCode, summary: string, place: string): Finding {
  return {
    id,
    title: 'the configuration is valid',
    status: 'fail',
    summary,
    evidence: [],
    promise: { source: 'file', text: place },
  };
}

function invalid(file: string, findings: readonly Finding[]): UpliftError {
  const count = findings.length === 1 ? '1 problem' : `${findings.length} problems`;
  const sorted = findings.toSorted((a, b) => lineOf(a) - lineOf(b));
  return new UpliftError('UPL-CONFIG-INVALID', {
    message: `${file} has ${count}.`,
    findings: sorted,
    next: `correct ${file}, then: uplift config validate`,
  });
}

function lineOf(one: Finding): number {
  const [, line, column] = /:(\d+):(\d+)$/.exec(one.promise?.text ?? '') ?? [];
  return Number(line ?? 0) * 10_000 + Number(column ?? 0);
}

function leaves(value: unknown, path: Path): [Path, unknown][] {
  if (Array.isArray(value))
    return value.length === 0 ? [[path, value]] : value.flatMap((child, at) => leaves(child, [...path, at]));
  if (value === null || typeof value !== 'object') return value === undefined ? [] : [[path, value]];
  return Object.entries(value).flatMap(([key, child]) => leaves(child, [...path, key]));
}

/** JSON Schema (draft 7, which editors understand) of uplift.yaml with these sections, as a person writes it. */
export function jsonSchemaOf(sections: readonly AnySection[]): unknown {
  const all: readonly AnySection[] = [...BASE_SECTIONS, ...sections];
  const shape = Object.fromEntries(
    all.map((section) => [section.key, section.schema.describe(section.describe)]),
  );
  return z.toJSONSchema(z.strictObject(shape), { io: 'input', target: 'draft-7' });
}
