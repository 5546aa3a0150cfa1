import type { Block } from './blocks.ts';
import type { ExitCode } from './exit.ts';

/**
 * What every command returns: the exit code, the blocks for people, and one JSON document for machines
 * (`schemaVersion` is added by the output layer). Success and failure share the shape.
 */
export interface Outcome {
  readonly exit: ExitCode;
  /** Kind of the JSON document, e.g. `topics.plan`. */
  readonly kind: string;
  readonly data: unknown;
  readonly blocks: readonly Block[];
  /** For `text`, in place of the blocks: exactly as it is, for `eval` and pipes. */
  readonly verbatim?: string;
}
