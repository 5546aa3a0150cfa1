import type { Json, Step } from '../core/step.ts';

/** Journal kinds of the engine. Everything after an intent refers to it by its line number (`intent`). */
export const STEP = {
  intent: 'step.intent',
  done: 'step.done',
  verified: 'step.verified',
  failed: 'step.failed',
  undoIntent: 'step.undoIntent',
  undone: 'step.undone',
  undoFailed: 'step.undoFailed',
} as const;

/** What the engine needs of a journal; `seq` is the number of the line that was written. */
export interface StepJournal {
  append(kind: string, body: Json): Promise<{ readonly seq: number }>;
}

/** What `pendingUndo` needs of a journal's lines. */
export interface StepEntry {
  readonly seq: number;
  readonly kind: string;
  readonly body: Json;
}

/** A step that was begun and not put back. */
export interface PendingUndo {
  readonly intent: number;
  readonly step: Step;
  readonly describe: string;
}

/**
 * The steps that were attempted (their intent is journaled, whatever came after it) and not undone, newest first.
 * Irreversible ones are not among them. Pure: any process can compute it from a journal.
 */
export function pendingUndo(entries: readonly StepEntry[]): PendingUndo[] {
  const pending = new Map<number, PendingUndo>();
  for (const { seq, kind, body } of entries) {
    if (kind === STEP.intent) {
      const intent = intentOf(body);
      if (intent?.reversible === true)
        pending.set(seq, { intent: seq, step: intent.step, describe: intent.describe });
    } else if (kind === STEP.undone) {
      const intent = field(body, 'intent');
      if (typeof intent === 'number') pending.delete(intent);
    }
  }
  return [...pending.values()].toSorted((a, b) => b.intent - a.intent);
}

interface Intent {
  readonly step: Step;
  readonly describe: string;
  readonly reversible: boolean;
}

export function intentBody({ step, describe, reversible }: Intent): Json {
  return { step: { kind: step.kind, version: step.version, args: step.args }, describe, reversible };
}

function intentOf(body: Json): Intent | undefined {
  const step = field(body, 'step');
  const [kind, version, args] = [field(step, 'kind'), field(step, 'version'), field(step, 'args')];
  if (typeof kind !== 'string' || typeof version !== 'number' || args === undefined) return undefined;
  return {
    step: { kind, version, args },
    describe: String(field(body, 'describe') ?? kind),
    reversible: field(body, 'reversible') !== false,
  };
}

function field(body: Json | undefined, key: string): Json | undefined {
  if (body === undefined || body === null || typeof body !== 'object' || Array.isArray(body))
    return undefined;
  return (body as { readonly [key: string]: Json })[key];
}
