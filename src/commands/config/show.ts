import type { Block } from '../../core/blocks.ts';
import { EXIT } from '../../core/exit.ts';
import type { Action } from '../../deps.ts';
import { digestOfJson } from '../../record/digest.ts';
import { openProject } from '../shared/project.ts';

/** Every value in force, and, with --origin, the line, variable, flag or default that decided it. */
export const showConfig: Action<{ readonly origin: boolean }> = async (deps, { origin }) => {
  const { config } = await openProject(deps);
  const values = config.entries().map(({ path, value, origin: from }) => ({
    path,
    value: typeof value === 'string' ? withoutCredentials(value) : value,
    origin: from,
  }));
  const columns = [{ title: 'VALUE OF' }, { title: 'IS' }, ...(origin ? [{ title: 'DECIDED BY' }] : [])];
  const rows = values.map((one) => [one.path, textOf(one.value), ...(origin ? [one.origin.text] : [])]);
  const sha256 = digestOfJson(config.value);
  const blocks: Block[] = [
    { kind: 'heading', text: config.file },
    { kind: 'table', columns, rows },
    { kind: 'keyValues', rows: [['SHA-256 of all of it', sha256]] },
  ];
  return { exit: EXIT.ok, kind: 'config.show', data: { file: config.file, sha256, values }, blocks };
};

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** A URL may carry a password although none belongs there; it is not repeated. */
function withoutCredentials(text: string): string {
  return text.replace(/\/\/[^/@\s]+@/, '//***@');
}
