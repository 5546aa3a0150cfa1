import type { Json } from '../../core/step.ts';
import type { StepEntry, StepJournal } from '../journal-kinds.ts';
import { type StepKind, stepOf, stepRegistry } from '../kind.ts';

// For tests of steps: a world of switches, and a journal in memory that can die.

export interface World {
  readonly on: Set<string>;
  /** Names whose undo fails this many more times. */
  readonly stubborn: Map<string, number>;
  readonly calls: string[];
  crashed: boolean;
}

export const newWorld = (): World => ({ on: new Set(), stubborn: new Map(), calls: [], crashed: false });

export class Crash extends Error {}

function alive(world: Pick<World, 'crashed'>): void {
  if (world.crashed) throw new Crash('the process is dead');
}

export const turnOn: StepKind<World, { name: string; half?: boolean }, { was: boolean }> = {
  kind: 'turn-on',
  version: 1,
  do: async ({ name, half }, world) => {
    alive(world);
    world.calls.push(`do ${name}`);
    const was = world.on.has(name);
    world.on.add(name);
    if (half === true) throw new Error('half way');
    return { was };
  },
  verify: async ({ name }, world) => {
    alive(world);
    if (!world.on.has(name)) throw new Error(`${name} is off`);
    return { seen: true };
  },
  undo: async ({ name }, world) => {
    alive(world);
    world.calls.push(`undo ${name}`);
    const left = world.stubborn.get(name) ?? 0;
    if (left > 0) {
      world.stubborn.set(name, left - 1);
      throw new Error('stuck');
    }
    world.on.delete(name);
  },
  describe: ({ name }) => `turn ${name} on`,
};

export const announce: StepKind<World, { text: string }, undefined> = {
  kind: 'announce',
  version: 1,
  do: async () => undefined,
  verify: async () => undefined,
  undo: 'irreversible',
  describe: ({ text }) => `say ${text}`,
};

export const registry = stepRegistry<World>([turnOn, announce]);
export const on = (name: string, half = false) => stepOf(turnOn, half ? { name, half } : { name });

export interface MemoryJournal extends StepJournal {
  readonly entries: StepEntry[];
}

/** Keeps lines in memory; at line `crashAt` the process dies, with that line on disk or not. */
export function memoryJournal(
  world: Pick<World, 'crashed'>,
  entries: StepEntry[] = [],
  crashAt = -1,
  survives = true,
): MemoryJournal {
  let written = 0;
  return {
    entries,
    append: async (kind: string, body: Json) => {
      alive(world);
      const entry = { seq: entries.length, kind, body: JSON.parse(JSON.stringify(body)) as Json };
      const isCrash = written === crashAt;
      written += 1;
      if (!isCrash || survives) entries.push(entry);
      if (isCrash) {
        world.crashed = true;
        throw new Crash('killed');
      }
      return entry;
    },
  };
}

export const signal = new AbortController().signal;
