import { isUpliftError, reasonOf, UpliftError } from '../core/error.ts';
import type { Json, Step } from '../core/step.ts';
import { withDeadline } from '../core/wait.ts';
import {
  intentBody,
  type PendingUndo,
  pendingUndo,
  STEP,
  type StepEntry,
  type StepJournal,
} from './journal-kinds.ts';
import type { StepControl, StepKind, StepRegistry } from './kind.ts';

/** Of an effect, its reading back and its undo, where a kind does not say otherwise. */
export const DEFAULT_TIMEOUT_MS = 120_000;

/** What happens to a step, for progress lines. */
export interface StepEvent {
  readonly state: 'begun' | 'done' | 'verified' | 'failed' | 'undoing' | 'undone' | 'undoFailed';
  readonly step: Step;
  readonly describe: string;
  readonly error?: unknown;
}

interface EngineInput<C> {
  readonly registry: StepRegistry<C>;
  readonly journal: StepJournal;
  readonly context: C;
  readonly onEvent?: (event: StepEvent) => void;
}

export interface RunStepsInput<C> extends EngineInput<C> {
  readonly steps: readonly Step[];
  /** Stops before the next step and inside the current one. */
  readonly signal: AbortSignal;
}

export interface StepResult {
  readonly intent: number;
  readonly step: Step;
  readonly result: Json;
  readonly seen: Json;
}

/**
 * Runs steps in order: intent on disk, effect, done on disk, result read back, verified on disk. Stops at the first
 * that fails (UPL-STEP-FAILED, or the abort reason) and undoes nothing: that is `undoSteps`, by this process or another.
 */
export async function runSteps<C>(input: RunStepsInput<C>): Promise<StepResult[]> {
  // A step that is not known must be found out before the first effect.
  const known = input.steps.map((step) => ({ step, kind: input.registry.find(step) }));
  const results: StepResult[] = [];
  for (const { step, kind } of known) {
    input.signal.throwIfAborted();
    results.push(await runStep(input, step, kind));
  }
  return results;
}

async function runStep<C>(input: RunStepsInput<C>, step: Step, kind: StepKind<C>): Promise<StepResult> {
  const { journal, context } = input;
  const args = kind.parse?.(step.args) ?? step.args;
  const describe = kind.describe(args);
  const tell = teller(input, step, describe);
  const { seq: intent } = await journal.append(
    STEP.intent,
    intentBody({ step, describe, reversible: kind.undo !== 'irreversible' }),
  );
  tell('begun');
  const phase = async (name: string, work: (control: StepControl) => Promise<unknown>): Promise<Json> => {
    try {
      return ((await bounded(
        `${name} ${describe}`,
        kind.timeoutMs ?? DEFAULT_TIMEOUT_MS,
        work,
        input.signal,
      )) ?? null) as Json;
    } catch (error) {
      tell('failed', error);
      // Best effort: the step's own error is what the caller must see, also on a full disk.
      await journal
        .append(STEP.failed, { intent, phase: name, error: errorBody(error) })
        .catch(() => undefined);
      if (input.signal.aborted) throw error;
      throw new UpliftError('UPL-STEP-FAILED', { message: `${describe}: ${reasonOf(error)}`, cause: error });
    }
  };
  const result = await phase('do', (control) => kind.do(args, context, control));
  await journal.append(STEP.done, { intent, result }).catch((error: unknown) => {
    throw doneUnrecorded(describe, error);
  });
  tell('done');
  const seen = await phase('verify', (control) => kind.verify(args, context, control));
  await journal.append(STEP.verified, { intent, seen });
  tell('verified');
  return { intent, step, result, seen };
}

/** The effect is there although its journal cannot say so: whoever reads the error must know. */
function doneUnrecorded(describe: string, error: unknown): unknown {
  if (!isUpliftError(error, 'UPL-CANNOT-WRITE')) return error;
  return new UpliftError('UPL-CANNOT-WRITE', {
    message: `${describe} was done, but ${error.message}`,
    ...(error.next === undefined ? {} : { next: error.next }),
    cause: error,
  });
}

export interface UndoStepsInput<C> extends EngineInput<C> {
  /** The lines of the run's journal so far, from memory or read back by another process. */
  readonly entries: readonly StepEntry[];
}

export interface UndoFailure {
  readonly pending: PendingUndo;
  readonly error: unknown;
}

export interface UndoReport {
  readonly undone: readonly PendingUndo[];
  readonly failed: readonly UndoFailure[];
  /** The journal refused lines meanwhile (disk full): things were put back, but the record does not say so. */
  readonly journalErrors: readonly unknown[];
}

/**
 * Puts back every step that was begun and not undone, newest first. All are tried, each with its own deadline; it
 * takes no abort signal, and a journal that cannot be written does not stop it. Never throws.
 */
export async function undoSteps<C>(input: UndoStepsInput<C>): Promise<UndoReport> {
  const undone: PendingUndo[] = [];
  const failed: UndoFailure[] = [];
  const journalErrors: unknown[] = [];
  const write = async (kind: string, body: Json): Promise<void> => {
    try {
      await input.journal.append(kind, body);
    } catch (error) {
      journalErrors.push(error);
    }
  };
  for (const pending of pendingUndo(input.entries)) {
    const { intent } = pending;
    const tell = teller(input, pending.step, pending.describe);
    await write(STEP.undoIntent, { intent });
    tell('undoing');
    try {
      const seen = await undoOne(input, pending);
      undone.push(pending);
      await write(STEP.undone, { intent, seen });
      tell('undone');
    } catch (error) {
      failed.push({ pending, error });
      await write(STEP.undoFailed, { intent, error: errorBody(error) });
      tell('undoFailed', error);
    }
  }
  return { undone, failed, journalErrors };
}

async function undoOne<C>(input: UndoStepsInput<C>, { step, describe }: PendingUndo): Promise<Json> {
  const kind = input.registry.find(step);
  const { undo } = kind;
  if (undo === 'irreversible') return null;
  const args = kind.parse?.(step.args) ?? step.args;
  const work = (control: StepControl): Promise<unknown> => undo(args, input.context, control);
  return ((await bounded(`undo ${describe}`, kind.undoTimeoutMs ?? DEFAULT_TIMEOUT_MS, work)) ??
    null) as Json;
}

/** Runs work under a deadline of its own; its signal ends with the deadline, and with `stop` where one is given. */
async function bounded(
  what: string,
  timeoutMs: number,
  work: (control: StepControl) => Promise<unknown>,
  stop?: AbortSignal,
): Promise<unknown> {
  const own = new AbortController();
  const signal = stop === undefined ? own.signal : AbortSignal.any([own.signal, stop]);
  try {
    return await withDeadline(what, timeoutMs, work({ signal }));
  } catch (error) {
    // Only on failure: a signal handed to spawn() would otherwise kill the very server that was restarted.
    own.abort(error);
    throw error;
  }
}

/** A listener that throws (a closed terminal) must not stop a restore. */
function teller<C>({ onEvent }: EngineInput<C>, step: Step, describe: string) {
  return (state: StepEvent['state'], error?: unknown): void => {
    try {
      onEvent?.({ state, step, describe, error });
    } catch {
      // The journal has it.
    }
  };
}

function errorBody(error: unknown): Json {
  return { message: reasonOf(error), code: error instanceof UpliftError ? error.code : null };
}
