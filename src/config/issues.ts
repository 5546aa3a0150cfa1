import type { z } from 'zod';
import type { Path } from './path.ts';
import type { ConfigCode, ConfigProblem } from './section.ts';
import { keysAt } from './shape.ts';
import { suggest } from './suggest.ts';

type Issue = z.core.$ZodIssue;

/**
 * What a schema found, in the reader's words. Values are never quoted: one of them may be a password in the wrong
 * place.
 */
export function problemsOf(
  schema: z.core.$ZodType,
  error: z.core.$ZodError,
  at: Path,
  data: unknown,
): ConfigProblem[] {
  const problems = error.issues.flatMap((issue) => translate(schema, issue, at, data));
  return withoutEchoes(problems);
}

interface Problem extends ConfigProblem {
  readonly meant?: Path;
}

function translate(schema: z.core.$ZodType, issue: Issue, at: Path, data: unknown): Problem[] {
  const inner = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  const path = [...at, ...inner];
  const one = (code: ConfigCode, message: string): Problem[] => [{ path, code, message }];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, keysAt(schema, inner), path));
    case 'invalid_type':
      if (valueAt(data, inner) === undefined) return one('UPL-CONFIG-MISSING-KEY', 'is missing');
      return one('UPL-CONFIG-TYPE', own(issue) ?? `must be ${nameOfType(issue.expected)}`);
    case 'invalid_union':
      return unionProblems(schema, issue, at, data, path);
    case 'invalid_key':
      return one('UPL-CONFIG-VALUE', `is not a good name${reasons(issue.issues)}`);
    case 'too_small':
      return one(
        'UPL-CONFIG-VALUE',
        own(issue) ?? bound(issue.origin, 'at least', issue.minimum, issue.inclusive),
      );
    case 'too_big':
      return one(
        'UPL-CONFIG-VALUE',
        own(issue) ?? bound(issue.origin, 'at most', issue.maximum, issue.inclusive),
      );
    case 'invalid_value':
      return one('UPL-CONFIG-VALUE', own(issue) ?? oneOf(issue.values, valueAt(data, inner)));
    case 'invalid_format':
      return one(
        'UPL-CONFIG-VALUE',
        own(issue) ?? `must be ${issue.format === 'url' ? 'a URL' : `a valid ${issue.format}`}`,
      );
    default:
      return one('UPL-CONFIG-VALUE', own(issue) ?? 'is not valid');
  }
}

/** The message a schema's author wrote; zod's own begin in a few known ways and are replaced by ours. */
function own(issue: Issue): string | undefined {
  return /^(Invalid|Too |Unrecognized|Expected)/.test(issue.message) ? undefined : issue.message;
}

function unknownKey(key: string, known: readonly string[], parent: Path): Problem {
  const path = [...parent, key];
  const meant = suggest(key, known);
  if (meant !== undefined) {
    const message = `is not a field. Did you mean "${meant}"?`;
    return { path, code: 'UPL-CONFIG-UNKNOWN-KEY', message, meant: [...parent, meant] };
  }
  const list = known.length === 0 ? '' : `. Fields here: ${known.join(', ')}`;
  return { path, code: 'UPL-CONFIG-UNKNOWN-KEY', message: `is not a field${list}` };
}

/** Of a union, the branch that came closest speaks; where none fits the kind of value, all are named. */
function unionProblems(
  schema: z.core.$ZodType,
  issue: z.core.$ZodIssueInvalidUnion,
  at: Path,
  data: unknown,
  path: Path,
): Problem[] {
  const branches = issue.errors.map((issues) =>
    issues.flatMap((inner) =>
      translate(schema, { ...inner, path: [...issue.path, ...inner.path] } as Issue, at, data),
    ),
  );
  const fitting = branches.filter(
    (problems) => !problems.some((p) => p.code === 'UPL-CONFIG-TYPE' && samePath(p.path, path)),
  );
  const closest = fitting.toSorted((a, b) => a.length - b.length)[0];
  if (closest !== undefined) return closest;
  const keys = keysAt(
    schema,
    issue.path.map((part) => (typeof part === 'number' ? part : String(part))),
  );
  const shapes =
    keys.length === 0
      ? [...new Set(branches.flat().map((p) => p.message))].join(', or ')
      : `must hold ${keys.join(' or ')}`;
  return [{ path, code: 'UPL-CONFIG-TYPE', message: own(issue) ?? shapes }];
}

/** A misspelt key also makes the right one missing: one problem, not two. */
function withoutEchoes(problems: readonly Problem[]): ConfigProblem[] {
  const meant = problems.flatMap((problem) => (problem.meant === undefined ? [] : [problem.meant]));
  return problems
    .filter((p) => !(p.code === 'UPL-CONFIG-MISSING-KEY' && meant.some((path) => samePath(path, p.path))))
    .map(({ path, code, message }) => ({ path, code, message }));
}

function samePath(a: Path, b: Path): boolean {
  return a.length === b.length && a.every((part, index) => part === b[index]);
}

/** The value at a path of plain data. */
export function valueAt(data: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, part) => {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, part)) return undefined;
    return (value as Record<string | number, unknown>)[part];
  }, data);
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of fields',
  record: 'a group of names',
};

function nameOfType(expected: string): string {
  return TYPE_NAMES[expected] ?? expected;
}

function bound(origin: string, side: string, limit: number | bigint, inclusive: boolean | undefined): string {
  const words = inclusive === false ? (side === 'at least' ? 'more than' : 'less than') : side;
  if (origin === 'array' || origin === 'set' || origin === 'map')
    return `must have ${words} ${limit} ${limit === 1 ? 'entry' : 'entries'}`;
  if (origin === 'string') return `must have ${words} ${limit} ${limit === 1 ? 'character' : 'characters'}`;
  return `must be ${words} ${limit}`;
}

function oneOf(values: readonly unknown[], received: unknown): string {
  const names = values.map(String);
  const meant = typeof received === 'string' ? suggest(received, names) : undefined;
  const list = names.length === 1 ? `must be ${names[0]}` : `must be one of ${names.join(', ')}`;
  return meant === undefined || names.length === 1 ? list : `${list}. Did you mean "${meant}"?`;
}

function reasons(issues: readonly Issue[]): string {
  const texts = issues.map(own).filter((text) => text !== undefined);
  return texts.length === 0 ? '' : `: ${texts.join('; ')}`;
}
