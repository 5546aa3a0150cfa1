/** `synchronous_standby_names`, taken apart (PostgreSQL 20.6.2). */
export interface SyncRule {
  /** A list without a keyword is FIRST; without a number, FIRST 1. */
  readonly method: 'ANY' | 'FIRST';
  /** How many of the standbys must have a commit before it is acknowledged. */
  readonly count: number;
  /** Application names; `*` stands for any. */
  readonly names: readonly string[];
}

const RULE = /^(?:(ANY|FIRST)\s+)?(?:(\d+)\s*\((.*)\)|(.*))$/is;
const NAME = /^[a-z_][a-z0-9_]*$/i;

/** Null for an empty setting (nothing is synchronous). A setting that Postgres would not take is an error. */
export function parseSyncNames(text: string): SyncRule | null {
  const trimmed = text.trim();
  if (trimmed === '') return null;
  const [, method, count, inner, plain] = RULE.exec(trimmed) ?? [];
  const names = (inner ?? plain ?? '').split(',').map((name) => unquoted(name.trim()));
  const rule: SyncRule = {
    method: method?.toUpperCase() === 'ANY' ? 'ANY' : 'FIRST',
    count: count === undefined ? 1 : Number(count),
    names,
  };
  if (names.includes('') || rule.count < 1 || (method !== undefined && count === undefined))
    throw new Error(`synchronous_standby_names is not understood: ${text}`);
  return rule;
}

/** The setting as text. */
export function syncNamesText({ method, count, names }: SyncRule): string {
  const quoted = names.map((name) =>
    name === '*' || NAME.test(name) ? name : `"${name.replaceAll('"', '""')}"`,
  );
  return `${method} ${count} (${quoted.join(', ')})`;
}

function unquoted(name: string): string {
  return name.startsWith('"') && name.endsWith('"') && name.length > 1
    ? name.slice(1, -1).replaceAll('""', '"')
    : name;
}
