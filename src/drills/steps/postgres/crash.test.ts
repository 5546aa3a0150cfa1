import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runSteps, undoSteps } from '../../../steps/engine.ts';
import { pendingUndo, STEP, type StepEntry } from '../../../steps/journal-kinds.ts';
import { stepRegistry } from '../../../steps/kind.ts';
import { failoverSteps, postgresKinds, switchoverSteps } from './index.ts';
import { misplaced } from './places.ts';
import { lookAtAll } from './set.ts';
import { type Death, live, never, onlyCrash, SET, stepJournal } from './testing/lives.ts';
import { Model } from './testing/model.ts';
import type { SlowPromotion } from './testing/server.ts';

const registry = stepRegistry(postgresKinds);
const { signal } = new AbortController();
const set = SET;

const death = fc.oneof(
  fc.record({
    line: fc.integer({ min: 0, max: 20 }),
    effect: fc.constant(-1),
    late: fc.boolean(),
  }),
  fc.record({ line: fc.constant(-1), effect: fc.integer({ min: 0, max: 20 }), late: fc.boolean() }),
);

/** The beginning of az-a's log that each replica has, and how much only az-a has: that was never acknowledged. */
const world = fc.record({
  b: fc.integer({ min: 0, max: 6 }),
  c: fc.integer({ min: 0, max: 6 }),
  more: fc.integer({ min: 0, max: 3 }),
  alive: fc.boolean(),
  slow: fc.record({ looks: fc.integer({ min: 0, max: 12 }), endsInStop: fc.boolean() }),
});
type World = { b: number; c: number; more: number; alive: boolean; slow?: SlowPromotion };

function modelOf({ b, c, more, alive, slow }: World): { model: Model; acknowledged: string[] } {
  const log = Array.from({ length: Math.max(b, c) + more }, (_, at) => `row ${at}`);
  const model = new Model(log, [b, c], alive);
  if (slow !== undefined) model.slow = slow;
  return { model, acknowledged: log.slice(0, Math.max(b, c)) };
}

async function forward(model: Model, entries: StepEntry[], death: Death, to?: string): Promise<void> {
  live(model, death);
  const steps = to === undefined ? failoverSteps(set) : switchoverSteps(set, to);
  const journal = stepJournal(model, entries, death);
  await runSteps({ registry, journal, context: model.context, steps, signal });
}

async function expectWhole(model: Model, acknowledged: readonly string[]): Promise<string> {
  live(model, never);
  model.land();
  const looks = await lookAtAll(set, model.actuator);
  const leaders = [...looks].filter(([, look]) => look.up && !look.inRecovery).map(([server]) => server);
  expect(leaders).toHaveLength(1);
  const [leader = ''] = leaders;
  expect(misplaced(set, leader, looks)).toEqual([]);
  for (const [, { log }] of model.servers) {
    expect(acknowledged.filter((row) => !log.includes(row))).toEqual([]);
    expect(log).toEqual(model.of(leader).log);
  }
  expect(model.leadersAtOnce).toBe(1);
  return leader;
}

describe('a failover whose process dies at any effect or line of its journal', () => {
  it('is finished by whoever runs the steps again: one leader, the others follow, nothing acknowledged is lost', async () => {
    await fc.assert(
      fc.asyncProperty(world, fc.array(death, { maxLength: 4 }), async (given, deaths) => {
        const { model, acknowledged } = modelOf(given);
        const entries: StepEntry[] = [];
        for (const each of deaths) await forward(model, entries, each).catch(onlyCrash);
        await forward(model, entries, never);
        expect(await expectWhole(model, acknowledged)).not.toBe('az-a');
        expect(model.pool).toEqual({ server: expect.not.stringMatching('az-a'), paused: false });
      }),
      { numRuns: 400 },
    );
  });

  it('is undone by whoever reads its journal, to a whole set as well', async () => {
    await fc.assert(
      fc.asyncProperty(world, death, fc.array(death, { maxLength: 3 }), async (given, first, later) => {
        const { model, acknowledged } = modelOf(given);
        const entries: StepEntry[] = [];
        await forward(model, entries, first).catch(onlyCrash);
        for (const each of [...later, never]) {
          live(model, each);
          const journal = stepJournal(model, entries, each);
          await undoSteps({ registry, journal, context: model.context, entries: [...entries] });
        }
        const fenced = entries.some(
          ({ kind, body }) => kind === STEP.intent && JSON.stringify(body).includes('"postgres.fence"'),
        );
        // Before the fence nothing was changed but the pool, which needs a leader to be let go.
        if (!fenced && !given.alive) return;
        expect(pendingUndo(entries)).toEqual([]);
        expect(model.pool.paused).toBe(false);
        if (fenced) expect(model.pool.server).toBe(await expectWhole(model, acknowledged));
      }),
      { numRuns: 400 },
    );
  });

  it('does nothing when it is run again after it was done', async () => {
    const { model, acknowledged } = modelOf({ b: 3, c: 5, more: 2, alive: false });
    await forward(model, [], never);
    expect(await expectWhole(model, acknowledged)).toBe('az-c');
    const before = structuredClone(model.servers);
    await forward(model, [], never);
    expect(model.servers).toEqual(before);
    expect(model.effects.filter((effect) => /fence|promote|rewind|copy|start/.test(effect))).toEqual([
      'fence az-a',
      'promote az-c',
      'rewind az-a',
      'start az-a as standby',
    ]);
  });
});

describe('a planned switch', () => {
  it('goes to the server that was named', async () => {
    const { model, acknowledged } = modelOf({ b: 4, c: 4, more: 0, alive: true });
    await forward(model, [], never, 'az-c');
    expect(await expectWhole(model, acknowledged)).toBe('az-c');
  });

  it('is refused where another replica is ahead of it, and undone', async () => {
    const { model, acknowledged } = modelOf({ b: 4, c: 3, more: 0, alive: true });
    model.of('az-c').role = { leads: false, follows: 'az-b' }; // so it gets nothing
    const entries: StepEntry[] = [];
    await expect(forward(model, entries, never, 'az-c')).rejects.toThrow(/az-c has not received all of az-a/);
    const journal = stepJournal(model, entries, never);
    const { failed } = await undoSteps({ registry, journal, context: model.context, entries });
    expect(failed).toEqual([]);
    expect(await expectWhole(model, acknowledged)).toBe('az-a');
    expect(model.pool).toEqual({ server: 'az-a', paused: false });
  });
});
