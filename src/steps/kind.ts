import { UpliftError } from '../core/error.ts';
import type { Json, Step } from '../core/step.ts';

/** What the engine hands to an effect besides its context. */
export interface StepControl {
  /** Ends with the step's own deadline; for `do` and `verify` also when the run is stopped. Never stops an undo. */
  readonly signal: AbortSignal;
}

/**
 * One kind of effect. All members take the journaled arguments only, so that another process can undo what this one
 * began. `do` returns once the effect was asked for, `verify` once it was observed.
 */
export interface StepKind<C, A extends Json = Json, R extends Json | undefined = Json | undefined> {
  readonly kind: string;
  /** Version of the argument shape. */
  readonly version: number;
  /** Turns journaled arguments into typed ones, or throws: a journal may come from another uplift. */
  parse?(args: Json): A;
  do(args: A, context: C, control: StepControl): Promise<R>;
  /** Reads the result back; throws when the effect is not there. What it returns is journaled as evidence. */
  // biome-ignore lint/suspicious/noConfusingVoidType: a verification without evidence returns nothing at all
  verify(args: A, context: C, control: StepControl): Promise<Json | void>;
  /**
   * Puts things back and returns once that was observed. It must be safe when the effect never happened, happened
   * by half, or was undone before.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: as above
  readonly undo: 'irreversible' | ((args: A, context: C, control: StepControl) => Promise<Json | void>);
  /** One line for people: "SIGKILL broker 2 (az-b)". */
  describe(args: A): string;
  /** Default 120 s. */
  readonly timeoutMs?: number;
  readonly undoTimeoutMs?: number;
  /** Longest that the undo takes with what it acts through as that is now; absent: `undoTimeoutMs`. */
  undoWithinMs?(args: A, context: C): number;
}

/** A kind with its argument type hidden, as a registry takes them. */
// Arguments are contravariant: `never` is the one argument type every kind's functions accept.
export type AnyStepKind<C> = Omit<StepKind<C, never>, 'parse'> & { parse?(args: Json): Json };

/** The kinds this program knows. Code never comes from a journal: only kinds registered here can run. */
export interface StepRegistry<C> {
  readonly find: (step: Step) => StepKind<C>;
}

/** Builds a registry; two kinds of the same name and version are a mistake of the program. */
export function stepRegistry<C>(kinds: readonly AnyStepKind<C>[]): StepRegistry<C> {
  const byName = new Map<string, StepKind<C>>();
  for (const kind of kinds) {
    const name = nameOf(kind);
    if (byName.has(name)) throw new TypeError(`Step kind ${name} is registered twice.`);
    byName.set(name, kind as unknown as StepKind<C>);
  }
  return {
    find: (step) => {
      const found = byName.get(nameOf(step));
      if (found !== undefined) return found;
      throw new UpliftError('UPL-STEP-FAILED', {
        message: `This uplift does not know the step ${nameOf(step)}; it was written by another version.`,
        next: 'use the version of uplift that began the run',
      });
    },
  };
}

/** A step of a kind, as data. */
export function stepOf<C, A extends Json, R extends Json | undefined>(
  kind: StepKind<C, A, R>,
  args: A,
): Step<string, A> {
  return { kind: kind.kind, version: kind.version, args };
}

function nameOf({ kind, version }: { readonly kind: string; readonly version: number }): string {
  return `${kind}@${version}`;
}
