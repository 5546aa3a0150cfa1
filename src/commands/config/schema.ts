import { jsonSchemaOf } from '../../config/load.ts';
import { EXIT } from '../../core/exit.ts';
import type { Action } from '../../deps.ts';
import { SECTIONS } from '../shared/sections.ts';

/** The JSON Schema itself as text, so that it can be piped into a file; in the JSON document it is under `schema`. */
export const configSchema: Action<Record<never, never>> = async () => {
  const schema = jsonSchemaOf(SECTIONS);
  const text = JSON.stringify(schema, undefined, 2);
  return { exit: EXIT.ok, kind: 'config.schema', data: { schema }, blocks: [{ kind: 'text', text }] };
};
