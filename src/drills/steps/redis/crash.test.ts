import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Step } from '../../../core/step.ts';
import { runSteps, undoSteps } from '../../../steps/engine.ts';
import { pendingUndo, type StepEntry, type StepJournal } from '../../../steps/journal-kinds.ts';
import { stepOf, stepRegistry } from '../../../steps/kind.ts';
import { onlyCrash } from '../../../steps/testing/mortal.ts';
import { memoryJournal } from '../../../steps/testing/switches.ts';
import { diffRedis, type RedisTopology } from '../../redis/topology.ts';
import { failoverRedisStep, holdRedisStep, killRedisStep, redisKinds } from './index.ts';
import { type ModelOptions, RedisModel } from './testing/model.ts';

const registry = stepRegistry(redisKinds);
const { signal } = new AbortController();
const nodeTimeoutMs = 5;

type Fault = 'kill' | 'failover';

function stepsOf(fault: Fault, saved: RedisTopology, persists: boolean): Step[] {
  const topology = structuredClone(saved) as never;
  const strike =
    fault === 'kill'
      ? stepOf(killRedisStep, { units: '/units', topology, node: 'id1', nodeTimeoutMs, persists })
      : stepOf(failoverRedisStep, { topology, from: 'id1', to: 'id4' });
  return [stepOf(holdRedisStep, { topology, nodeTimeoutMs }), strike];
}

/** A life of a process: it dies at a line of its journal, or at one of its effects. */
interface Death {
  readonly line: number;
  readonly effect: number;
  readonly late: boolean;
}
const NEVER: Death = { line: -1, effect: -1, late: false };
const death = (lines: number, effects: number): fc.Arbitrary<Death> =>
  fc.oneof(
    fc.record({ line: fc.integer({ min: 0, max: lines }), effect: fc.constant(-1), late: fc.boolean() }),
    fc.record({ line: fc.constant(-1), effect: fc.integer({ min: 0, max: effects }), late: fc.boolean() }),
  );

const journalOf = (model: RedisModel, entries: StepEntry[], { line, late }: Death): StepJournal =>
  memoryJournal(model, entries, line, late);

async function forward(model: RedisModel, entries: StepEntry[], steps: readonly Step[], dies: Death) {
  model.live(dies);
  const journal = journalOf(model, entries, dies);
  return await runSteps({ registry, journal, context: model.context, steps, signal });
}

async function recover(model: RedisModel, entries: StepEntry[], dies: Death = NEVER) {
  model.live(dies);
  const journal = journalOf(model, entries, dies);
  return await undoSteps({ registry, journal, context: model.context, entries: [...entries] });
}

async function expectWhole(model: RedisModel, saved: RedisTopology): Promise<void> {
  expect(diffRedis(saved, await model.looks())).toEqual([]);
  expect(model.nodes.map(({ data }) => [...data])).toEqual(
    [1, 2, 3, 1, 2, 3].map((shard) => [`key ${shard}`]),
  );
}

const options: fc.Arbitrary<ModelOptions> = fc.record({
  electionLooks: fc.integer({ min: 0, max: 4 }),
  failoverLooks: fc.integer({ min: 0, max: 2 }),
  gossipLooks: fc.integer({ min: 0, max: 8 }),
  vain: fc.integer({ min: 0, max: 1 }),
  persists: fc.boolean(),
});

describe('a Redis drill whose process dies at any effect or line of its journal', () => {
  it.each<Fault>(['kill', 'failover'])(
    '(%s) is put back by whoever recovers it, with every key, and twice is harmless',
    async (fault) => {
      await fc.assert(
        fc.asyncProperty(
          options,
          fc.option(death(7, 3), { nil: NEVER }),
          fc.array(death(4, 3), { maxLength: 2 }),
          async (given, first, later) => {
            const model = new RedisModel({ ...given, vain: fault === 'kill' ? (given.vain ?? 0) : 0 });
            const saved = await model.topology();
            const entries: StepEntry[] = [];
            await forward(model, entries, stepsOf(fault, saved, given.persists === true), first).catch(
              onlyCrash,
            );
            for (const dies of [...later, NEVER]) await recover(model, entries, dies);
            expect(pendingUndo(entries)).toEqual([]);
            await expectWhole(model, saved);
            const effects = model.effects.length;
            expect(await recover(model, entries)).toMatchObject({ undone: [], failed: [] });
            expect(model.effects).toHaveLength(effects);
          },
        ),
        { numRuns: 60 },
      );
    },
  );
});

async function struck(fault: Fault, given: ModelOptions, dies = NEVER) {
  const model = new RedisModel(given);
  const saved = await model.topology();
  const entries: StepEntry[] = [];
  const ran = forward(model, entries, stepsOf(fault, saved, given.persists === true), dies);
  return { model, saved, entries, ran };
}

describe('the undo of a kill', () => {
  it('never starts the master before its replica leads', async () => {
    const { model, saved, entries, ran } = await struck('kill', { electionLooks: 20 });
    await ran;
    await recover(model, entries);
    await expectWhole(model, saved);
    expect(model.effects).toEqual(['stop h:7001', 'kill h:7001', 'start h:7001', 'failover h:7001']);
  });

  it('wakes a master that was stopped and not yet killed', async () => {
    const { model, saved, entries, ran } = await struck(
      'kill',
      { electionLooks: 200 },
      { ...NEVER, effect: 1 },
    );
    await ran.catch(onlyCrash);
    expect(model.of('h:7001').state).toBe('stopped');
    await recover(model, entries);
    await expectWhole(model, saved);
    expect(model.effects).toEqual(['stop h:7001', 'start h:7001']);
  });

  it('asks for the failover once, when every node knows the old master as a replica', async () => {
    const { model, saved, entries, ran } = await struck('kill', { gossipLooks: 40 });
    await ran;
    await recover(model, entries);
    await expectWhole(model, saved);
    expect(model.effects.filter((effect) => effect === 'failover h:7001')).toHaveLength(1);
  });

  it('asks again when a failover came to nothing', async () => {
    const { model, saved, entries, ran } = await struck('kill', { vain: 2 });
    await ran;
    const { failed } = await recover(model, entries);
    expect(failed).toEqual([]);
    await expectWhole(model, saved);
    expect(model.effects.filter((effect) => effect === 'failover h:7001')).toHaveLength(3);
  });

  it('says that it did not restore when no failover comes to anything', async () => {
    const { model, entries, ran } = await struck('kill', { vain: 99 });
    await ran;
    const { failed } = await recover(model, entries);
    expect(failed).toMatchObject([{ error: { code: 'UPL-NOT-RESTORED' } }]);
    model.vain = 0;
    expect((await recover(model, entries)).failed).toEqual([]);
  });
});

describe('a planned failover', () => {
  it('that answers OK and comes to nothing is a failed step, and is undone', async () => {
    const { model, saved, entries, ran } = await struck('failover', { vain: 1 });
    await expect(ran).rejects.toMatchObject({ code: 'UPL-STEP-FAILED' });
    expect((await recover(model, entries)).failed).toEqual([]);
    await expectWhole(model, saved);
    expect(model.effects).toEqual(['failover h:7004']);
  });

  it('that comes after its process has died is waited for before the masters are looked at', async () => {
    const late: Death = { line: -1, effect: 0, late: true };
    const { model, saved, entries, ran } = await struck('failover', { failoverLooks: 4 }, late);
    await ran.catch(onlyCrash);
    expect(model.of('h:7004').masterId).toBe('id1');
    await recover(model, entries);
    await expectWhole(model, saved);
    expect(model.effects).toEqual(['failover h:7004', 'failover h:7001']);
  });
});
