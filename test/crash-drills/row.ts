import type { Entry } from '../../src/record/envelope.ts';
import { STEP } from '../../src/steps/journal-kinds.ts';
import type { Attempt } from '../support/attempts.ts';
import type { Point } from './plan.ts';

/** What one attempt at a point showed. */
export interface Row extends Attempt<Point> {
  /** Commit of the tree that was tried. */
  readonly version: string;
  readonly at: string;
  /** Last line about its steps that the run had on its disk: `step.intent`, `step.done`, … */
  readonly landed: string;
  /** Who put things back: `drill recover`, or the watchdog before it was asked. */
  readonly by: string;
  /** How many steps were undone. */
  readonly undone: number;
  /** From the kill until everything was put back and the record sealed. */
  readonly backMs: number;
  /** The whole point: drill, kill, restore, looks, final reads. */
  readonly tookMs: number;
  /** Of the load of the run that was killed, and of the small one after it. */
  readonly acknowledged: number;
  readonly unknown: number;
  readonly lost: number;
}

const RUN_ACTOR = 'drill.run ';
const STEP_KINDS: readonly string[] = [STEP.intent, STEP.done, STEP.verified, STEP.failed];

/** Where a run was when it died, by its own lines. */
export interface Landed {
  readonly kind: string;
  /** Whether the intent of this very step was the last one that was written. */
  readonly hit: boolean;
}

/** Pure: the last thing the run itself wrote of its steps, and whether the kill met the step that it was meant for. */
export function landedOf(entries: readonly Pick<Entry, 'kind' | 'actor'>[], step: number): Landed {
  const own = entries.filter(({ kind, actor }) => actor.startsWith(RUN_ACTOR) && STEP_KINDS.includes(kind));
  const intents = own.filter(({ kind }) => kind === STEP.intent).length;
  const undone = entries.some(({ kind, actor }) => actor.startsWith(RUN_ACTOR) && kind === STEP.undoIntent);
  return { kind: own.at(-1)?.kind ?? 'nothing', hit: intents === step && !undone };
}
