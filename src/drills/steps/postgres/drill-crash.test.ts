import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Step } from '../../../core/step.ts';
import { runSteps, undoSteps } from '../../../steps/engine.ts';
import { pendingUndo, type StepEntry } from '../../../steps/journal-kinds.ts';
import { stepOf, stepRegistry } from '../../../steps/kind.ts';
import { differencesOf } from './hold-set.ts';
import { failoverSteps, holdSetStep, killStep, postgresKinds, switchoverSteps } from './index.ts';
import type { PostgresSet } from './set.ts';
import { type Death, live, never, onlyCrash, SET, stepJournal } from './testing/lives.ts';
import { Model } from './testing/model.ts';

const registry = stepRegistry(postgresKinds);
const { signal } = new AbortController();
const set: PostgresSet = SET;

const hold = stepOf(holdSetStep, { set });
const DRILLS: readonly [string, readonly Step[]][] = [
  ['the loss of the primary', [hold, stepOf(killStep, { set }), ...failoverSteps(set, { killedByUs: true })]],
  ['a planned switch', [hold, ...switchoverSteps(set, 'az-b')]],
];

/** Every row that a client was told of; az-a alone has one more at the moment of the fault. */
const ACKNOWLEDGED = ['row 0', 'row 1', 'row 2'];
const newModel = (): Model => new Model([...ACKNOWLEDGED, 'row 3'], [3, 2], true);

async function forward(
  model: Model,
  entries: StepEntry[],
  steps: readonly Step[],
  death: Death,
): Promise<void> {
  live(model, death);
  const journal = stepJournal(model, entries, death);
  await runSteps({ registry, journal, context: model.context, steps, signal });
}

/** What `drill recover` does, by a process that may die as well. */
async function recover(model: Model, entries: StepEntry[], death: Death): Promise<string[]> {
  live(model, death);
  const journal = stepJournal(model, entries, death);
  const report = await undoSteps({ registry, journal, context: model.context, entries: [...entries] });
  return [...report.failed.map(({ error }) => error), ...report.journalErrors].map(String);
}

async function expectAsBefore(model: Model, entries: readonly StepEntry[]): Promise<void> {
  live(model, never);
  expect(pendingUndo(entries)).toEqual([]);
  expect(await differencesOf(set, model.context)).toEqual([]);
  expect(model.pool).toEqual({ server: 'az-a', paused: false });
  expect(model.leadersAtOnce).toBe(1);
  model.settle();
  for (const [, { log }] of model.servers)
    expect(ACKNOWLEDGED.filter((row) => !log.includes(row))).toEqual([]);
}

/** How many lines and effects a whole life has: beyond them nobody can die. */
async function extent(steps: readonly Step[]) {
  const [model, entries] = [newModel(), [] as StepEntry[]];
  await forward(model, entries, steps, never);
  const done = { lines: entries.length, effects: model.calls };
  await recover(model, entries, never);
  return { forward: done, back: { lines: entries.length - done.lines, effects: model.calls } };
}

function deathsIn({ lines, effects }: { lines: number; effects: number }): Death[] {
  return [false, true].flatMap((late) => [
    ...Array.from({ length: lines }, (_, line): Death => ({ line, effect: -1, late })),
    ...Array.from({ length: effects }, (_, effect): Death => ({ line: -1, effect, late })),
  ]);
}

describe.each(DRILLS)('%s', (_, steps) => {
  it('is put back after it was cut off at any line of its journal or any effect, and recovering twice is harmless', async () => {
    const deaths = deathsIn((await extent(steps)).forward);
    expect(deaths.length).toBeGreaterThan(40);
    for (const death of deaths) {
      const [model, entries] = [newModel(), [] as StepEntry[]];
      await forward(model, entries, steps, death).catch(onlyCrash);
      expect(await recover(model, entries, never), JSON.stringify(death)).toEqual([]);
      await expectAsBefore(model, entries);
      const before = structuredClone(model.servers);
      expect(await recover(model, entries, never)).toEqual([]);
      expect(model.servers).toEqual(before);
    }
  });

  it('is put back when the restore itself is cut off at any line or effect', async () => {
    const deaths = deathsIn((await extent(steps)).back);
    expect(deaths.length).toBeGreaterThan(40);
    for (const death of deaths) {
      const [model, entries] = [newModel(), [] as StepEntry[]];
      await forward(model, entries, steps, never);
      await recover(model, entries, death);
      expect(await recover(model, entries, never), JSON.stringify(death)).toEqual([]);
      await expectAsBefore(model, entries);
    }
  });

  it('is put back where a server that was just started does not answer yet', async () => {
    const silent = (): Model => Object.assign(newModel(), { startsWithin: 4 });
    for (const death of deathsIn((await extent(steps)).forward)) {
      const [model, entries] = [silent(), [] as StepEntry[]];
      await forward(model, entries, steps, death).catch(onlyCrash);
      expect(await recover(model, entries, never), JSON.stringify(death)).toEqual([]);
      await expectAsBefore(model, entries);
    }
    for (const death of deathsIn((await extent(steps)).back)) {
      const [model, entries] = [silent(), [] as StepEntry[]];
      await forward(model, entries, steps, never);
      await recover(model, entries, death);
      expect(await recover(model, entries, never), JSON.stringify(death)).toEqual([]);
      await expectAsBefore(model, entries);
    }
  });

  it('is put back when a shutdown on the way back becomes a kill, wherever that restore is cut off', async () => {
    const deaths = deathsIn((await extent(steps)).back);
    for (const death of deaths) {
      const [model, entries] = [newModel(), [] as StepEntry[]];
      await forward(model, entries, steps, never);
      model.killedStops = 1;
      await recover(model, entries, death);
      expect(await recover(model, entries, never), JSON.stringify(death)).toEqual([]);
      await expectAsBefore(model, entries);
    }
  });

  it('is put back by the last of any number of processes that died in turn', async () => {
    const death = fc.record({
      line: fc.integer({ min: -1, max: 30 }),
      effect: fc.integer({ min: -1, max: 60 }),
      late: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(death, fc.array(death, { maxLength: 4 }), async (first, later) => {
        const [model, entries] = [newModel(), [] as StepEntry[]];
        await forward(model, entries, steps, first).catch(onlyCrash);
        for (const each of later) await recover(model, entries, each);
        expect(await recover(model, entries, never)).toEqual([]);
        await expectAsBefore(model, entries);
      }),
      { numRuns: 300 },
    );
  });

  it('goes to another server and comes back from it', async () => {
    const [model, entries] = [newModel(), [] as StepEntry[]];
    await forward(model, entries, steps, never);
    expect(model.pool).toEqual({ server: 'az-b', paused: false });
    expect(await differencesOf(set, model.context)).not.toEqual([]);
    expect(await recover(model, entries, never)).toEqual([]);
    await expectAsBefore(model, entries);
    expect(model.effects.filter((effect) => effect.startsWith('promote'))).toEqual([
      'promote az-b',
      'promote az-a',
    ]);
  });
});
