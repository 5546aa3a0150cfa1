import type { UpliftError } from '../core/error.ts';
import type { ExitCode } from '../core/exit.ts';
import type { Outcome } from '../core/outcome.ts';

const SCHEMA_VERSION = 1;

/** One JSON document: `{schemaVersion, kind, exit, ...data}`. 64-bit integers are strings, so that no reader rounds them. */
export function renderJson(outcome: Pick<Outcome, 'kind' | 'exit' | 'data'>): string {
  return `${JSON.stringify(documentOf(outcome), stringOfBigint, 2)}\n`;
}

/**
 * One line per element of each top-level list of the data, `{"type": <field>, …}`, then the summary with everything
 * else. A summary line that is missing means the output was cut.
 */
export function renderNdjson(outcome: Pick<Outcome, 'kind' | 'exit' | 'data'>): string {
  const document = documentOf(outcome);
  const rows: string[] = [];
  const summary: Record<string, unknown> = { type: 'summary' };
  for (const [field, value] of Object.entries(document)) {
    if (Array.isArray(value)) rows.push(...value.map((element: unknown) => rowOf(field, element)));
    else summary[field] = value;
  }
  return [...rows, JSON.stringify(summary, stringOfBigint)].map((line) => `${line}\n`).join('');
}

/** The JSON document of a failure: the same envelope as a success, with the code and the findings. */
export function errorDocument(error: UpliftError, exit: ExitCode): Pick<Outcome, 'kind' | 'exit' | 'data'> {
  return {
    kind: 'error',
    exit,
    data: { code: error.code, message: error.message, next: error.next ?? null, findings: error.findings },
  };
}

function rowOf(type: string, element: unknown): string {
  const isObject = element !== null && typeof element === 'object' && !Array.isArray(element);
  return JSON.stringify({ type, ...(isObject ? element : { value: element }) }, stringOfBigint);
}

function documentOf(outcome: Pick<Outcome, 'kind' | 'exit' | 'data'>): Record<string, unknown> {
  const { kind, exit, data } = outcome;
  const isObject = data !== null && typeof data === 'object' && !Array.isArray(data);
  const envelope = { schemaVersion: SCHEMA_VERSION, kind, exit };
  // The envelope comes first for readers and wins over a field of the same name.
  return { ...envelope, ...(isObject ? data : { data }), ...envelope };
}

function stringOfBigint(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
