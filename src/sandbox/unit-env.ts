import { dirname } from 'node:path';
import type { Unit } from '../clients/process/unit.ts';
import { type PlacedUnit, writeUnit } from '../clients/process/unit-files.ts';
import { UpliftError } from '../core/error.ts';

/** Variables to set, by name; an empty value takes the variable away. */
export type EnvChange = ReadonlyMap<string, string>;

/** `KEY=VALUE` words as given on a command line; anything else is UPL-USAGE. */
export function parseEnvChange(words: readonly string[]): EnvChange {
  const pairs = words.map((word) => /^([A-Z][A-Z0-9_]*)=(.*)$/s.exec(word));
  const wrong = words.filter((_, at) => pairs[at] === null);
  if (wrong.length > 0) {
    throw new UpliftError('UPL-USAGE', {
      message: `--env wants NAME=VALUE with an upper case name, not ${wrong.map((word) => `"${word}"`).join(', ')}.`,
      next: 'uplift sandbox restart commands-1 --env EVENT_SCHEMA=2',
    });
  }
  return new Map(
    pairs.flatMap((match) => (match === null ? [] : [[match[1] ?? '', match[2] ?? ''] as const])),
  );
}

/** The unit with its environment changed. Only processes of the service are configured by environment (else UPL-USAGE). */
export function withEnv<U extends Unit>(unit: U, change: EnvChange): U {
  if (change.size === 0) return unit;
  if (unit.kind !== 'service') {
    throw new UpliftError('UPL-USAGE', {
      message: `${unit.id} is no process of the service: its configuration is a file, --env does not reach it.`,
    });
  }
  const env = { ...unit.env, ...Object.fromEntries(change) };
  return { ...unit, env: Object.fromEntries(Object.entries(env).filter(([, value]) => value !== '')) };
}

/** Keeps a changed unit, so that later starts use it too. */
export async function keepUnit({ stateFile, ...unit }: PlacedUnit): Promise<void> {
  await writeUnit(dirname(stateFile), unit);
}
