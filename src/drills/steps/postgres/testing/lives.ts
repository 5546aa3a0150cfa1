import type { StepEntry, StepJournal } from '../../../../steps/journal-kinds.ts';
import type { PostgresSet } from '../set.ts';
import { Crash, type Model } from './model.ts';

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
export function stepJournal(model: Model, entries: StepEntry[], { line, late }: Death): StepJournal {
  let written = 0;
  return {
    append: async (kind, body) => {
      if (model.crashed) throw new Crash('the process is dead');
      const entry = { seq: entries.length, kind, body };
      const dies = written === line;
      written += 1;
      if (!dies || late) entries.push(entry);
      if (!dies) return entry;
      model.crashed = true;
      throw new Crash('died while it wrote its journal');
    },
  };
}

/** Begins another life. */
export function live(model: Model, { effect, late }: Death): void {
  Object.assign(model, { crashed: false, calls: 0, crashAt: effect, crashAfter: late });
}

/** Anything but a death fails the test. */
export function onlyCrash(error: unknown): void {
  let cause: unknown = error;
  while (cause instanceof Error && !(cause instanceof Crash)) ({ cause } = cause);
  if (!(cause instanceof Crash)) throw error;
}
