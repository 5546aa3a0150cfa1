import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runSteps, undoSteps } from './engine.ts';
import { pendingUndo, STEP, type StepEntry } from './journal-kinds.ts';
import { memoryJournal, newWorld, on, registry, signal } from './testing/switches.ts';

/** What must still be undone, said in the plainest way: intents of reversible kinds minus undone ones. */
function naivePending(entries: readonly StepEntry[]): number[] {
  const body = (entry: StepEntry) => entry.body as { intent?: number; reversible?: boolean };
  const undone = entries.filter(({ kind }) => kind === STEP.undone).map((entry) => body(entry).intent);
  return entries
    .filter(
      (entry) => entry.kind === STEP.intent && body(entry).reversible === true && !undone.includes(entry.seq),
    )
    .map(({ seq }) => seq)
    .reverse();
}

describe('a process that dies at any line of its journal', () => {
  const plan = fc.array(fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd'), half: fc.boolean() }), {
    minLength: 1,
    maxLength: 5,
  });
  const crash = fc.record({ at: fc.integer({ min: -1, max: 18 }), survives: fc.boolean() });

  it('is always finished by others: nothing stays on, the pending list is the naive one', async () => {
    await fc.assert(
      fc.asyncProperty(
        plan,
        crash,
        fc.array(crash, { maxLength: 3 }),
        fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: 0, max: 2 })),
        async (steps, first, later, stubborn) => {
          const world = newWorld();
          for (const [name, times] of Object.entries(stubborn)) world.stubborn.set(name, times);
          const entries: StepEntry[] = [];
          const journal = memoryJournal(world, entries, first.at, first.survives);
          await runSteps({
            steps: steps.map(({ name, half }) => on(name, half)),
            registry,
            journal,
            context: world,
            signal,
          }).catch(() => undefined);
          const rounds = [...later, ...Array.from({ length: 4 }, () => ({ at: -1, survives: true }))];
          for (const { at, survives } of rounds) {
            world.crashed = false;
            expect(pendingUndo(entries).map(({ intent }) => intent)).toEqual(naivePending(entries));
            const next = memoryJournal(world, entries, at, survives);
            await undoSteps({ entries: [...entries], registry, journal: next, context: world });
          }
          expect(pendingUndo(entries)).toEqual([]);
          expect([...world.on]).toEqual([]);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('has never had an effect whose intent is not on disk', async () => {
    await fc.assert(
      fc.asyncProperty(plan, crash, async (steps, { at, survives }) => {
        const world = newWorld();
        const entries: StepEntry[] = [];
        const journal = memoryJournal(world, entries, at, survives);
        await runSteps({
          steps: steps.map(({ name, half }) => on(name, half)),
          registry,
          journal,
          context: world,
          signal,
        }).catch(() => undefined);
        const intended = entries.filter(({ kind }) => kind === STEP.intent).length;
        expect(world.calls.length).toBeLessThanOrEqual(intended);
      }),
      { numRuns: 300 },
    );
  });
});
