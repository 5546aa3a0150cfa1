import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { openJournal, readRecord, resumeJournal } from '../record/open.ts';
import { runSteps } from '../steps/engine.ts';
import { pendingUndo, STEP, type StepEntry } from '../steps/journal-kinds.ts';
import { putBack } from './engine/restore.ts';
import { DRILL_NAMES, type DrillId } from './names.ts';
import { drillSteps } from './steps.ts';
import { type Cut, killsIn, recover, refusalsIn, runFault } from './testing/cuts.ts';
import { LATE_PROMOTIONS, WORLDS, type World } from './testing/worlds.ts';

// Every drill of the catalogue, with the steps of its own planner on a model of its store: killed at every line of its
// journal and every effect, put back by another process that may be killed as well.

const IDS = DRILL_NAMES.map(({ id }) => id);
/** Three lines a step: intent, done, verified. */
const LINES_A_STEP = 3;
/** Seconds of processor time all in all; a busy machine takes longer. */
const MATRIX_MS = 120_000;

interface Points {
  /** Kills of the run, each before and after a line or an effect. */
  readonly kills: number;
  /** Effects that answered with an error, done or not, and kills at the line that says so. */
  readonly refusals: number;
  /** Kills of a restore, from every state that the ones before leave. */
  readonly restores: number;
}

/** Written down, so that the matrix cannot shrink unseen: who changes a drill counts again. */
const POINTS: Readonly<Record<DrillId, Points>> = {
  'kafka-broker-loss': { kills: 16, refusals: 12, restores: 262 },
  'kafka-broker-hang': { kills: 14, refusals: 6, restores: 164 },
  'kafka-producer-safety': { kills: 44, refusals: 64, restores: 1212 },
  'redis-shard-loss': { kills: 16, refusals: 12, restores: 262 },
  'redis-shard-failover': { kills: 14, refusals: 6, restores: 154 },
  'postgres-switchover': { kills: 90, refusals: 92, restores: 1330 },
  'postgres-primary-loss': { kills: 84, refusals: 92, restores: 1696 },
  'projector-loss': { kills: 20, refusals: 24, restores: 264 },
};

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

function expectAsBefore({ model, losses }: World, before: unknown, where: string): void {
  expect(model.state(), where).toEqual(before);
  expect(losses(), where).toEqual([]);
}

/** The last process that recovers: everything is as before, and another one finds nothing to do. */
async function expectPutBack({ world, entries }: Struck, before: unknown, where: string): Promise<void> {
  const { report } = await recover(world, entries);
  expect(report, where).toMatchObject({ failed: [], journalErrors: [] });
  expect(pendingUndo(entries), where).toEqual([]);
  expectAsBefore(world, before, where);
  const [acts, lines] = [world.model.effects.length, entries.length];
  await recover(world, entries);
  expect([world.model.effects.length, entries.length], where).toEqual([acts, lines]);
}

/** All of it again, by somebody whose journal has lost that it was done. */
async function expectHarmless({ world, entries }: Struck, before: unknown, where: string): Promise<void> {
  const lost = entries.filter(({ kind }) => kind !== STEP.undone);
  expect((await recover(world, lost)).report.failed, where).toEqual([]);
  expectAsBefore(world, before, where);
}

/** Where the run of a drill can end before its time. */
async function cutsOf(id: DrillId): Promise<{ readonly kills: Cut[]; readonly refusals: Cut[] }> {
  const world = await WORLDS[id]();
  const extent = await runFault(world, [], {});
  expect(extent.lines).toBe(LINES_A_STEP * world.steps.length);
  expect(extent.effects).toBeGreaterThan(0);
  const refusals = await refusalsIn(extent, async (cut) => (await struck(id, cut)).entries);
  return { kills: killsIn(extent), refusals };
}

describe.each(IDS)('%s', (id) => {
  it('changes something', async () => {
    const { world } = await struck(id, {});
    expect(world.model.state()).not.toEqual(await asBefore(id));
  });

  it(
    'is put back by another process wherever it was killed, and twice is harmless',
    async () => {
      const before = await asBefore(id);
      const { kills, refusals } = await cutsOf(id);
      expect([kills.length, refusals.length]).toEqual([POINTS[id].kills, POINTS[id].refusals]);
      for (const cut of [{}, ...kills, ...refusals]) {
        const left = await struck(id, cut);
        await expectPutBack(left, before, JSON.stringify(cut));
        await expectHarmless(left, before, JSON.stringify(cut));
      }
    },
    MATRIX_MS,
  );

  it(
    'is put back by a third process wherever the second one was killed',
    async () => {
      const before = await asBefore(id);
      const { kills, refusals } = await cutsOf(id);
      const seen = new Set<string>();
      let points = 0;
      for (const cut of [{}, ...kills, ...refusals]) {
        const left = await struck(id, cut);
        const key = left.world.model.key?.(pendingUndo(left.entries)) ?? JSON.stringify(cut);
        if (seen.has(key)) continue;
        seen.add(key);
        for (const second of killsIn(await recover(left.world, left.entries))) {
          const again = await struck(id, cut);
          await recover(again.world, again.entries, second);
          await expectPutBack(again, before, JSON.stringify([cut, second]));
          points += 1;
        }
      }
      expect(points).toBe(POINTS[id].restores);
    },
    MATRIX_MS,
  );

  it(
    'is put back by another try where an effect of the restore was refused',
    async () => {
      const before = await asBefore(id);
      const whole = await struck(id, {});
      const restore = async (cut: Cut): Promise<Struck> => {
        const again = await struck(id, {});
        await recover(again.world, again.entries, cut);
        return again;
      };
      const extent = await recover(whole.world, whole.entries);
      const linesOf = async (cut: Cut) => (await restore(cut)).entries.slice(-extent.lines);
      const cuts = await refusalsIn(extent, linesOf);
      expect(cuts.length).toBeGreaterThanOrEqual(2 * extent.effects);
      for (const cut of cuts) await expectPutBack(await restore(cut), before, JSON.stringify(cut));
    },
    MATRIX_MS,
  );
});

const LATE_IDS = ['postgres-switchover', 'postgres-primary-loss'] as const;
/** Looks at a server until a promotion comes true: during the restore, and after all of it. */
const LATE_LOOKS = [1, 2, 3, 4, 5, 6, 7, 9, 12, 16, 20, 30, 50, 80, 1000];

describe.each(LATE_IDS)('%s, whose promotion comes true after whoever asked for it was killed', (id) => {
  const slows = LATE_LOOKS.flatMap((looks) => [false, true].map((endsInStop) => ({ looks, endsInStop })));
  const isPromotion = (effect: string): boolean => effect.startsWith('promote ');
  /** Killed as soon as it was asked for, or told that it failed. */
  const meetings = (effect: number): Cut[] => [
    { meeting: { effect, late: true } },
    { meeting: { effect, late: true, refused: true } },
  ];

  it(
    'is put back, with one leader all the time, and stays so',
    async () => {
      const before = await asBefore(id);
      for (const slow of slows) {
        const whole = await LATE_PROMOTIONS[id](slow);
        await runFault(whole, [], {});
        for (const cut of meetings(whole.model.effects.findIndex(isPromotion))) {
          const [world, entries] = [await LATE_PROMOTIONS[id](slow), [] as StepEntry[]];
          await runFault(world, entries, cut);
          await expectPutBack({ world, entries }, before, JSON.stringify([slow, cut]));
          world.model.land();
          expectAsBefore(world, before, JSON.stringify([slow, cut]));
          await expectHarmless({ world, entries }, before, JSON.stringify([slow, cut]));
        }
      }
    },
    MATRIX_MS,
  );

  it(
    'is put back by a third process wherever the second one was killed',
    async () => {
      const before = await asBefore(id);
      for (const slow of slows.filter(({ looks }) => [3, 9, 20, 1000].includes(looks))) {
        const whole = await LATE_PROMOTIONS[id](slow);
        await runFault(whole, [], {});
        const [cut = {}] = meetings(whole.model.effects.findIndex(isPromotion));
        const cutOff = async () => {
          const [world, entries] = [await LATE_PROMOTIONS[id](slow), [] as StepEntry[]];
          // Whoever comes after a process that died while it started a server finds one that does not answer yet.
          world.model.startsWithin = 4;
          await runFault(world, entries, cut);
          return { world, entries };
        };
        const first = await cutOff();
        for (const second of killsIn(await recover(first.world, first.entries))) {
          const { world, entries } = await cutOff();
          await recover(world, entries, second);
          await expectPutBack({ world, entries }, before, JSON.stringify([slow, second]));
          world.model.land();
          expectAsBefore(world, before, JSON.stringify([slow, second]));
        }
      }
    },
    MATRIX_MS,
  );

  it(
    'is put back as well where it was the promotion of the way back',
    async () => {
      const before = await asBefore(id);
      for (const slow of slows) {
        const [whole, lines] = [await LATE_PROMOTIONS[id](slow), [] as StepEntry[]];
        await runFault(whole, lines, {});
        const forward = whole.model.effects.length;
        await recover(whole, lines);
        const back = whole.model.effects.slice(forward).findIndex(isPromotion);
        expect(back).toBeGreaterThan(0);
        for (const cut of meetings(back)) {
          const [world, entries] = [await LATE_PROMOTIONS[id](slow), [] as StepEntry[]];
          await runFault(world, entries, {});
          await recover(world, entries, cut);
          await expectPutBack({ world, entries }, before, JSON.stringify([slow, cut]));
          world.model.land();
          expectAsBefore(world, before, JSON.stringify([slow, cut]));
        }
      }
    },
    MATRIX_MS,
  );
});

describe('a journal on the disk that ends anywhere', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'uplift-matrix-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const options = (actor: string) => ({ runId: 'run', actor, clock: systemClock });

  /** The lines of a whole fault, as a run writes them. */
  async function linesOf(id: DrillId): Promise<string[]> {
    const { context, steps } = await WORLDS[id]();
    const path = join(folder, `${id}.ndjson`);
    const journal = await openJournal(path, options('drill.run'));
    const { signal } = new AbortController();
    await runSteps({ registry: drillSteps, journal, context, steps, signal });
    await journal.close();
    return (await readFile(path, 'utf8')).split('\n').slice(0, -1);
  }

  it.each(IDS)(
    'is enough to put %s back, also in the middle of a line',
    async (id) => {
      const before = await asBefore(id);
      const lines = await linesOf(id);
      for (const [at, line] of lines.entries()) {
        for (const written of [true, false]) {
          const { world } = await struck(id, { line: { at, written } });
          const path = join(folder, `${id}-${at}-${written}.ndjson`);
          const torn = line.slice(0, Math.floor(line.length / 2));
          const text = lines.slice(0, at).map((whole) => `${whole}\n`);
          await writeFile(path, [...text, written ? `${line}\n` : torn].join(''));
          const journal = await resumeJournal(path, options('drill.recover'));
          world.model.live();
          const back = await putBack({ journal, journalPath: path, context: world.context });
          expect(back).toMatchObject({ failed: [], journalErrors: [] });
          expectAsBefore(world, before, path);
          const again = await putBack({ journal, journalPath: path, context: world.context });
          expect(again).toMatchObject({ undone: [], failed: [] });
          await journal.seal();
          await journal.close();
          expect((await readRecord(path)).status).toBe('sealed');
        }
      }
    },
    MATRIX_MS,
  );
});
