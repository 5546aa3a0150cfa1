import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { alive } from '../../clients/process/tiny-units-fixture.ts';
import { runSteps, undoSteps } from '../../steps/engine.ts';
import type { StepEntry, StepJournal } from '../../steps/journal-kinds.ts';
import { stepOf, stepRegistry } from '../../steps/kind.ts';
import { hangBrokerStep, type KafkaStepContext, kafkaKinds, killBrokerStep } from '../steps/kafka/index.ts';
import { askedOf, type ExecWorld, execConfig, execWorld, SCRIPTED } from './testing/exec-world.ts';
import { execName } from './through.ts';

let world: ExecWorld;
beforeEach(async () => {
  world = await execWorld(await mkdtemp(join(tmpdir(), 'uplift-exec-')));
  await world.up('2');
});
afterEach(async () => {
  await world.close();
  await rm(world.dir, { recursive: true, force: true });
});

/** The step of a drill that kills broker 2, by these commands; Kafka itself is always content. */
function killing(change: object = {}, kind = killBrokerStep) {
  const entries: StepEntry[] = [];
  const journal: StepJournal = {
    append: async (kind, body) => {
      const entry = { seq: entries.length, kind, body };
      entries.push(entry);
      return entry;
    },
  };
  const cluster = {
    describe: async () => ({
      clusterId: 'c',
      brokers: [{ id: 2, host: 'h', port: 2, rack: null }],
      topics: [],
    }),
    brokerConfigs: async () => new Map([[2, []]]),
  };
  const contextOf = (commands: object) => {
    const { brokers } = world.actuators(execConfig({ ...SCRIPTED, ...commands }));
    return { actuatorOf: () => brokers, monoNs: () => 0n, cluster } as unknown as KafkaStepContext;
  };
  const registry = stepRegistry(kafkaKinds);
  const stop = new AbortController();
  const steps = [stepOf(kind, { units: execName('here'), broker: 2 })];
  return {
    entries,
    stop,
    run: () => runSteps({ registry, journal, steps, context: contextOf(change), signal: stop.signal }),
    /** By another process, with the commands that uplift.yaml has by then. */
    undo: (now: object = change) =>
      undoSteps({ registry, journal, entries: [...entries], context: contextOf(now) }),
  };
}

const sleeping = { kill: { argv: ['sleep', '60'], undo: SCRIPTED.kill.undo } };

describe('the step of a drill, by commands', () => {
  it('kills, sees it, and is put back by another process; its journal holds names alone', async () => {
    const { run, undo, entries } = killing();
    await run();
    expect(await world.calls('2')).toEqual(['kill']);
    expect(await undo()).toMatchObject({
      failed: [],
      undone: [{ describe: 'the kill command on broker 2' }],
    });
    expect((await undo()).failed).toEqual([]);
    expect(await world.calls('2')).toEqual(['kill', 'start']);
    const text = JSON.stringify(entries);
    expect(text).toContain('"args":{"units":"exec:here","broker":2}');
    expect(text).not.toMatch(/servers\.sh|argv/);
  });

  it('is put back by the commands that uplift.yaml has then', async () => {
    const { run, undo } = killing();
    await run();
    const moved = { kill: { ...SCRIPTED.kill, undo: { argv: ['/bin/sh', '-c', './servers.sh start 2'] } } };
    expect((await undo(moved)).failed).toEqual([]);
    expect(await world.calls('2')).toEqual(['kill', 'start']);
  });

  it('fails where the command said that it did and nothing happened', async () => {
    const { run, undo } = killing({ kill: { ...SCRIPTED.kill, argv: ['true'] } });
    await expect(run()).rejects.toMatchObject({
      code: 'UPL-STEP-FAILED',
      message: expect.stringContaining('broker 2 gone: not within'),
    });
    expect((await undo()).failed).toEqual([]);
    expect(await world.calls('2')).toEqual([]);
  });

  it('of a hang that no state ever shows fails, and its undo is run all the same, once', async () => {
    const blind = { argv: ['/bin/sh', '-c', './servers.sh state 2 | sed s/hung/running/'] };
    const { run, undo } = killing({ state: blind }, hangBrokerStep);
    await expect(run()).rejects.toThrow('broker 2 hangs: not within');
    expect((await undo()).failed).toEqual([]);
    expect((await undo()).failed).toEqual([]);
    expect(await world.calls('2')).toEqual(['hang', 'wake']);
  });

  it('of such a hang whose undo fails stays open', async () => {
    const blind = { argv: ['/bin/sh', '-c', './servers.sh state 2 | sed s/hung/running/'] };
    const { run, undo } = killing({ state: blind }, hangBrokerStep);
    await expect(run()).rejects.toThrow('not within');
    const failing = { state: blind, hang: { ...SCRIPTED.hang, undo: { argv: ['false'] } } };
    expect((await undo(failing)).failed).toHaveLength(1);
    expect((await undo(failing)).failed).toHaveLength(1);
    expect((await undo()).failed).toEqual([]);
    expect(await world.calls('2')).toEqual(['hang', 'wake']);
  });

  it('Ctrl-C ends the command, and what it may have done is put back', async () => {
    const { run, undo, stop } = killing(sleeping);
    const running = run();
    const { pid } = await askedOf(world, 'here-brokers-2');
    stop.abort(new Error('Ctrl-C'));
    await expect(running).rejects.toThrow('Ctrl-C');
    expect(await alive(Number(pid))).toBe(false);
    expect((await undo()).failed).toEqual([]);
  });

  it('stays open where its commands are gone from uplift.yaml, or fail', async () => {
    const { run, undo } = killing();
    await run();
    const gone = await undo({ kill: undefined, hang: undefined });
    expect(gone.failed).toMatchObject([
      { error: { message: expect.stringContaining('declares neither kill nor hang') } },
    ]);
    const failing = await undo({ kill: { ...SCRIPTED.kill, undo: { argv: ['false'] } } });
    expect(failing.failed).toMatchObject([{ error: { message: expect.stringContaining('exit 1') } }]);
    expect((await undo()).failed).toEqual([]);
  });
});
