import { describe, expect, it } from 'vitest';
import { pendingUndo, STEP, type StepEntry } from '../steps/journal-kinds.ts';
import { drillOf } from './catalogue.ts';
import { DRILL_NAMES, type DrillId } from './names.ts';
import { drillSteps } from './steps.ts';
import { type Cut, killsIn, recover, refusalsIn, runFault } from './testing/cuts.ts';
import { WORLDS, type World } from './testing/worlds.ts';

// Every drill of the catalogue, killed at every line of its journal and every effect, and put back by others.

const IDS = DRILL_NAMES.map(({ id }) => id);

interface Struck {
  readonly world: World;
  readonly entries: StepEntry[];
}

async function struck(id: DrillId, cut: Cut): Promise<Struck> {
  const [world, entries] = [await WORLDS[id](), [] as StepEntry[]];
  await runFault(world, entries, cut);
  return { world, entries };
}

const asBefore = async (id: DrillId): Promise<unknown> => (await WORLDS[id]()).model.state();

/** The last process that recovers: everything is as before, and another one finds nothing to do. */
async function expectPutBack({ world, entries }: Struck, before: unknown, where: string): Promise<void> {
  const { report } = await recover(world, entries);
  expect(report, where).toMatchObject({ failed: [], journalErrors: [] });
  expect(pendingUndo(entries), where).toEqual([]);
  expect(world.model.state(), where).toEqual(before);
  expect(world.losses(), where).toEqual([]);
  const [acts, lines] = [world.model.effects.length, entries.length];
  await recover(world, entries);
  expect([world.model.effects.length, entries.length], where).toEqual([acts, lines]);
}

/** All of it again, as somebody would whose journal has lost that it was done. */
async function expectHarmless({ world, entries }: Struck, before: unknown, where: string): Promise<void> {
  const torn = entries.filter(({ kind }) => kind !== STEP.undone);
  expect((await recover(world, torn)).report.failed, where).toEqual([]);
  expect(world.model.state(), where).toEqual(before);
  expect(world.losses(), where).toEqual([]);
}

/** Forward cuts of a drill: kills, and effects that were refused. */
async function cutsOf(id: DrillId): Promise<{ readonly kills: Cut[]; readonly refusals: Cut[] }> {
  const world = await WORLDS[id]();
  const extent = await runFault(world, [], {});
  const refusals = await refusalsIn(extent, async (cut) => (await struck(id, cut)).entries);
  return { kills: killsIn(extent), refusals };
}

describe.each(IDS)('%s', (id) => {
  it('is put back by another process wherever it was killed', async () => {
    const before = await asBefore(id);
    const { kills, refusals } = await cutsOf(id);
    const t = performance.now();
    for (const cut of [...kills, ...refusals]) {
      const where = JSON.stringify(cut);
      const left = await struck(id, cut);
      await expectPutBack(left, before, where);
      await expectHarmless(left, before, where);
    }
    console.log(id, kills.length, refusals.length, Math.round(performance.now() - t));
  });
});
