import { describe, expect, it } from 'vitest';
import { UpliftError } from '../core/error.ts';
import { runSteps, type StepEvent, undoSteps } from './engine.ts';
import { pendingUndo, STEP, type StepJournal } from './journal-kinds.ts';
import { type StepKind, stepOf, stepRegistry } from './kind.ts';
import {
  announce,
  memoryJournal,
  newWorld,
  on,
  registry,
  signal,
  turnOn,
  type World,
} from './testing/switches.ts';

describe('runSteps', () => {
  it('journals the intent before the effect, done after it, verified after reading the result', async () => {
    const world = newWorld();
    const journal = memoryJournal(world);
    const order: string[] = [];
    const spy: StepJournal = {
      append: async (kind, body) => {
        order.push(`${kind} ${world.on.has('a') ? 'on' : 'off'}`);
        return journal.append(kind, body);
      },
    };
    const [result] = await runSteps({ steps: [on('a')], registry, journal: spy, context: world, signal });
    expect(order).toEqual([`${STEP.intent} off`, `${STEP.done} on`, `${STEP.verified} on`]);
    expect(result).toMatchObject({ intent: 0, result: { was: false }, seen: { seen: true } });
    expect(journal.entries[1]?.body).toEqual({ intent: 0, result: { was: false } });
  });

  it('stops at the first failure, keeps its cause, and leaves the undo to undoSteps', async () => {
    const world = newWorld();
    const journal = memoryJournal(world);
    const run = runSteps({
      steps: [on('a'), on('b', true), on('c')],
      registry,
      journal,
      context: world,
      signal,
    });
    await expect(run).rejects.toMatchObject({ code: 'UPL-STEP-FAILED', message: 'turn b on: half way' });
    expect(journal.entries.at(-1)).toMatchObject({ kind: STEP.failed, body: { intent: 3, phase: 'do' } });
    expect([...world.on]).toEqual(['a', 'b']);
    const report = await undoSteps({ entries: journal.entries, registry, journal, context: world });
    expect(report.undone.map(({ describe: text }) => text)).toEqual(['turn b on', 'turn a on']);
    expect(world.on.size).toBe(0);
  });

  it('says that a step was done when the disk is full before its journal can say so', async () => {
    const world = newWorld();
    const journal = memoryJournal(world);
    const full: StepJournal = {
      append: (kind, body) =>
        kind === STEP.done
          ? Promise.reject(new UpliftError('UPL-CANNOT-WRITE', { message: 'ENOSPC.', next: 'df -h' }))
          : journal.append(kind, body),
    };
    const run = runSteps({ steps: [on('a'), on('b')], registry, journal: full, context: world, signal });
    await expect(run).rejects.toMatchObject({
      code: 'UPL-CANNOT-WRITE',
      message: 'turn a on was done, but ENOSPC.',
      next: 'df -h',
    });
    expect([...world.on]).toEqual(['a']);
    expect(pendingUndo(journal.entries)).toHaveLength(1);
  });

  it('fails when the effect cannot be observed', async () => {
    const world = newWorld();
    const journal = memoryJournal(world);
    const blind: StepKind<World, { name: string }> = { ...turnOn, do: async () => null };
    const run = runSteps({
      steps: [on('a')],
      registry: stepRegistry<World>([blind]),
      journal,
      context: world,
      signal,
    });
    await expect(run).rejects.toMatchObject({ code: 'UPL-STEP-FAILED', message: 'turn a on: a is off' });
    expect(journal.entries.map(({ kind }) => kind)).toEqual([STEP.intent, STEP.done, STEP.failed]);
  });

  it('has no effect when the intent cannot be written', async () => {
    const world = newWorld();
    const full: StepJournal = {
      append: () => Promise.reject(new UpliftError('UPL-CANNOT-WRITE', { message: 'full' })),
    };
    const run = runSteps({ steps: [on('a')], registry, journal: full, context: world, signal });
    await expect(run).rejects.toMatchObject({ code: 'UPL-CANNOT-WRITE' });
    expect(world.calls).toEqual([]);
  });

  it('refuses an unknown kind or version before the first effect', async () => {
    const world = newWorld();
    const journal = memoryJournal(world);
    const steps = [on('a'), { kind: 'turn-on', version: 2, args: { name: 'b' } }];
    await expect(runSteps({ steps, registry, journal, context: world, signal })).rejects.toMatchObject({
      code: 'UPL-STEP-FAILED',
    });
    expect(world.calls).toEqual([]);
    expect(() => stepRegistry<World>([turnOn, turnOn])).toThrow(TypeError);
  });

  it('starts nothing after the abort and ends a step that hangs at its deadline', async () => {
    const world = newWorld();
    const stopped = runSteps({
      steps: [on('a')],
      registry,
      journal: memoryJournal(world),
      context: world,
      signal: AbortSignal.abort('SIGINT'),
    });
    await expect(stopped).rejects.toBe('SIGINT');
    let told: AbortSignal | undefined;
    const hangs: StepKind<World, { name: string }> = {
      ...turnOn,
      timeoutMs: 20,
      do: (_args, _world, control) => {
        told = control.signal;
        return new Promise(() => undefined);
      },
    };
    const run = runSteps({
      steps: [on('a')],
      registry: stepRegistry<World>([hangs]),
      journal: memoryJournal(world),
      context: world,
      signal,
    });
    await expect(run).rejects.toMatchObject({ code: 'UPL-STEP-FAILED', cause: { code: 'UPL-DEADLINE' } });
    expect(told?.aborted).toBe(true);
  });
});

describe('undoSteps', () => {
  it('tries every step, keeps every error, and finishes on a later try', async () => {
    const world = newWorld();
    const journal = memoryJournal(world);
    await runSteps({
      steps: ['a', 'b', 'c'].map((name) => on(name)),
      registry,
      journal,
      context: world,
      signal,
    });
    world.stubborn.set('b', 1).set('c', 1);
    const events: StepEvent['state'][] = [];
    const first = await undoSteps({
      entries: journal.entries,
      registry,
      journal,
      context: world,
      onEvent: ({ state }) => events.push(state),
    });
    expect(first.failed.map(({ pending }) => pending.describe)).toEqual(['turn c on', 'turn b on']);
    expect(first.undone.map(({ describe: text }) => text)).toEqual(['turn a on']);
    expect(events).toEqual(['undoing', 'undoFailed', 'undoing', 'undoFailed', 'undoing', 'undone']);
    expect(journal.entries.filter(({ kind }) => kind === STEP.undoFailed)).toHaveLength(2);
    const second = await undoSteps({ entries: journal.entries, registry, journal, context: world });
    expect(second.failed).toEqual([]);
    expect(pendingUndo(journal.entries)).toEqual([]);
    expect(world.on.size).toBe(0);
  });

  it('undoes even when the journal is full and a listener throws, and says that the record lacks it', async () => {
    const world = newWorld();
    const journal = memoryJournal(world);
    await runSteps({ steps: [on('a')], registry, journal, context: world, signal });
    const full: StepJournal = { append: () => Promise.reject(new Error('ENOSPC')) };
    const onEvent = (): never => {
      throw new Error('EPIPE');
    };
    const report = await undoSteps({
      entries: journal.entries,
      registry,
      journal: full,
      context: world,
      onEvent,
    });
    expect(report).toMatchObject({
      failed: [],
      journalErrors: [{ message: 'ENOSPC' }, { message: 'ENOSPC' }],
    });
    expect(world.on.size).toBe(0);
  });

  it('gives up on an undo that hangs at its own deadline and goes on with the next', async () => {
    const world = newWorld();
    const journal = memoryJournal(world);
    await runSteps({ steps: [on('a'), on('b')], registry, journal, context: world, signal });
    const kind: StepKind<World, { name: string }> = {
      ...turnOn,
      undoTimeoutMs: 20,
      undo: async ({ name }, at) =>
        name === 'b' ? new Promise<never>(() => undefined) : void at.on.delete(name),
    };
    const report = await undoSteps({
      entries: journal.entries,
      registry: stepRegistry<World>([kind]),
      journal,
      context: world,
    });
    expect(report.failed).toMatchObject([
      { pending: { describe: 'turn b on' }, error: { code: 'UPL-DEADLINE' } },
    ]);
    expect([...world.on]).toEqual(['b']);
  });

  it('never counts an irreversible step as pending, and reports a step it does not know', async () => {
    const world = newWorld();
    const journal = memoryJournal(world);
    await runSteps({
      steps: [stepOf(announce, { text: 'hello' }), on('a')],
      registry,
      journal,
      context: world,
      signal,
    });
    const report = await undoSteps({
      entries: journal.entries,
      registry: stepRegistry<World>([announce]),
      journal,
      context: world,
    });
    expect(report.failed).toMatchObject([{ error: { code: 'UPL-STEP-FAILED' } }]);
    expect(pendingUndo(journal.entries).map(({ describe: text }) => text)).toEqual(['turn a on']);
  });
});
