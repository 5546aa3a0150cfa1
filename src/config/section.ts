import type { z } from 'zod';
import type { Path } from './path.ts';

/** Stable codes of what can be wrong with a configuration; each has a place in docs/errors.md. */
export const CONFIG_CODES = [
  'UPL-CONFIG-SYNTAX',
  'UPL-CONFIG-DUPLICATE-KEY',
  'UPL-CONFIG-UNKNOWN-KEY',
  'UPL-CONFIG-MISSING-KEY',
  'UPL-CONFIG-TYPE',
  'UPL-CONFIG-VALUE',
  'UPL-CONFIG-RULE',
  'UPL-CONFIG-ENV',
] as const;
export type ConfigCode = (typeof CONFIG_CODES)[number];

/** One problem at one place. `message` continues the path: "regions[0].name" + "must be …". */
export interface ConfigProblem {
  readonly path: Path;
  readonly code: ConfigCode;
  readonly message: string;
}

/** What a cross-field rule finds; its path starts at the top of the file. */
export interface RuleProblem {
  readonly path: Path;
  readonly message: string;
}

/**
 * A rule across fields: runs once the section itself is valid. `others` holds the other sections that are valid;
 * a rule that needs one that is not says nothing.
 */
export type Rule<V> = (value: V, others: Readonly<Record<string, unknown>>) => Iterable<RuleProblem>;

/** An environment variable that sets one value; `parse` turns its text into what the file would hold. */
export interface EnvBinding {
  readonly name: string;
  readonly path: Path;
  readonly parse?: (text: string) => unknown;
  /** Counts only where the configuration has exactly one region; otherwise it is an error to set it. */
  readonly onlyWithOneRegion?: boolean;
}

/**
 * One top-level key of uplift.yaml. The schema decides what an absent key means (`.default`, `.prefault`,
 * `.optional`, or an error).
 */
export interface Section<K extends string = string, S extends z.ZodType = z.ZodType> {
  readonly key: K;
  readonly schema: S;
  /** One sentence for the JSON Schema and the docs. */
  readonly describe: string;
  readonly rules?: readonly Rule<z.output<S>>[];
  readonly env?: readonly EnvBinding[];
}

/** A section with its value type hidden, as the loader holds them in one list. */
// Rule is contravariant in its value: `never` is the one argument type every rule's type is assignable to.
export type AnySection = Omit<Section, 'rules'> & { readonly rules?: readonly Rule<never>[] };

/** Declares a section; it exists for the inference of its types. */
export function defineSection<const K extends string, S extends z.ZodType>(
  section: Section<K, S>,
): Section<K, S> {
  return section;
}

/** The normalised value of a list of sections. */
export type ConfigOf<S extends readonly AnySection[]> = {
  readonly [X in S[number] as X['key']]: z.output<X['schema']>;
};
