import type { StepEntry, StepJournal } from '../../../../steps/journal-kinds.ts';
import { memoryJournal } from '../../../../steps/testing/switches.ts';
import type { PostgresSet } from '../set.ts';
import type { Model } from './model.ts';

/** A life of a process: it dies at a line of its journal, or at one of its effects (-1: not there), before or after it. */
export interface Death {
  readonly line: number;
  readonly effect: number;
  readonly late: boolean;
}
export const never: Death = { line: -1, effect: -1, late: false };

/** The set that the model is of. */
export const SET: PostgresSet = {
  units: '/units',
  servers: ['az-a', 'az-b', 'az-c'],
  primary: 'az-a',
  sync: { method: 'ANY', count: 1, names: ['az_b', 'az_c'] },
  pool: { unit: 'pgbouncer', database: 'uplift' },
};

/** A journal in memory whose process dies at a line of it, before or after the line is there. */
export const stepJournal = (model: Model, entries: StepEntry[], { line, late }: Death): StepJournal =>
  memoryJournal(model, entries, line, late);

/** Begins another life. */
export const live = (model: Model, death: Death): void => model.live(death);

export { onlyCrash } from '../../../../steps/testing/mortal.ts';
