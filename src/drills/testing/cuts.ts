import { isUpliftError } from '../../core/error.ts';
import { runSteps, type UndoReport, undoSteps } from '../../steps/engine.ts';
import { STEP, type StepEntry } from '../../steps/journal-kinds.ts';
import { type Meeting, onlyCrash } from '../../steps/testing/mortal.ts';
import { memoryJournal } from '../../steps/testing/switches.ts';
import { drillSteps } from '../steps.ts';
import type { World } from './worlds.ts';

// For tests: the lives of the processes that run a drill or recover it, and every place where one of them can be killed.

/** Where a life ends, if anywhere: at a line of its journal, at an effect, or at the line after an effect was refused. */
export interface Cut {
  readonly meeting?: Meeting;
  /** Number of the line among those of this life, and whether it is on the disk. */
  readonly line?: { readonly at: number; readonly written: boolean };
}

/** How long a whole life is. */
export interface Extent {
  readonly lines: number;
  readonly effects: number;
}

const { signal } = new AbortController();

/** Runs the steps of the fault, as far as the cut lets them. */
export async function runFault(world: World, entries: StepEntry[], cut: Cut): Promise<Extent> {
  const { model, steps, context } = world;
  const [journal, from] = [journalOf(world, entries, cut), entries.length];
  await runSteps({ registry: drillSteps, journal, context, steps, signal }).catch((error: unknown) => {
    // Told of an error it lives on, and would put things back: that is another life here.
    if (cut.meeting?.refused !== true || !isUpliftError(error, 'UPL-STEP-FAILED')) onlyCrash(error);
  });
  return { lines: entries.length - from, effects: model.calls };
}

/** What `drill recover` does, or the run itself after its fault: from the lines on the disk alone. */
export async function recover(
  world: World,
  entries: StepEntry[],
  cut: Cut = {},
): Promise<Extent & { readonly report: UndoReport }> {
  const { model, context } = world;
  const [journal, before] = [journalOf(world, entries, cut), [...entries]];
  const report = await undoSteps({ registry: drillSteps, journal, context, entries: before });
  return { lines: entries.length - before.length, effects: model.calls, report };
}

function journalOf({ model }: World, entries: StepEntry[], { meeting, line }: Cut) {
  model.live(meeting);
  return memoryJournal(model, entries, line?.at ?? -1, line?.written ?? true);
}

/** Every line before and after it was written, every effect before (or in the middle) and after it happened. */
export function killsIn({ lines, effects }: Extent): Cut[] {
  return [false, true].flatMap((late) => [
    ...Array.from({ length: lines }, (_, at): Cut => ({ line: { at, written: late } })),
    ...Array.from({ length: effects }, (_, effect): Cut => ({ meeting: { effect, late } })),
  ]);
}

/**
 * Every effect refused, with nothing or all of it done; where the life then writes that something failed, it is killed
 * before and after that line as well. `live` runs one such life and answers its lines.
 */
export async function refusalsIn(
  { effects }: Extent,
  live: (cut: Cut) => Promise<readonly StepEntry[]>,
): Promise<Cut[]> {
  const cuts: Cut[] = [];
  for (let effect = 0; effect < effects; effect += 1) {
    for (const late of [false, true]) {
      const meeting: Meeting = { effect, late, refused: true };
      cuts.push({ meeting });
      const lines = await live({ meeting });
      const at = lines.findIndex(({ kind }) => kind === STEP.failed || kind === STEP.undoFailed);
      if (at >= 0) cuts.push(...[false, true].map((written): Cut => ({ meeting, line: { at, written } })));
    }
  }
  return cuts;
}
