import { describe, expect, it } from 'vitest';
import { runSteps, undoSteps } from '../../../steps/engine.ts';
import { pendingUndo, type StepEntry, type StepJournal } from '../../../steps/journal-kinds.ts';
import { stepOf, stepRegistry } from '../../../steps/kind.ts';
import { killProjectorStep, type ServiceStepContext, serviceKinds, startProcessStep } from './index.ts';

const registry = stepRegistry(serviceKinds);
const { signal } = new AbortController();
const args = { units: '/units', id: 'projector-1' };
const steps = [stepOf(killProjectorStep, args), stepOf(startProcessStep, args)];

class Death extends Error {}

/** A projector, the records it has to apply, and a process that dies at one of its journal's lines or effects. */
class World {
  running = true;
  behind = 0;
  dead = false;
  calls = 0;
  dieAt = -1;
  readonly entries: StepEntry[] = [];

  touch(effect: () => void, late: boolean): void {
    if (this.dead) throw new Death();
    const dies = this.calls === this.dieAt;
    this.calls += 1;
    if (!dies || late) effect();
    if (!dies) return;
    this.dead = true;
    throw new Death();
  }

  context(late: boolean): ServiceStepContext {
    const alive = async () => this.running;
    return {
      serviceOf: () => ({
        describe: async () => ({ ok: this.running, text: 'projector-1' }),
        kill: async () =>
          this.touch(() => {
            Object.assign(this, { running: false, behind: 7 });
          }, late),
        start: async () =>
          this.touch(() => {
            this.running = true;
          }, late),
        hang: () => Promise.reject(new Error('never')),
        hanging: async () => false,
        running: alive,
        ready: alive,
      }),
      projection: async () => {
        const behindRecords = this.behind;
        if (this.running) this.behind = 0;
        const left = { ends: [], unknownPartitions: [], stillBehind: [] };
        return {
          seen: true,
          atMs: 0,
          value: { ...left, behindRecords, caughtUpInMs: this.running ? 1 : null },
        };
      },
    };
  }

  journal(late: boolean): StepJournal {
    return {
      append: async (kind, body) => {
        const entry = { seq: this.entries.length, kind, body };
        this.touch(() => this.entries.push(entry), late);
        return entry;
      },
    };
  }

  async forward(dieAt: number, late: boolean): Promise<void> {
    Object.assign(this, { dead: false, calls: 0, dieAt });
    const parts = { registry, journal: this.journal(late), context: this.context(late), steps, signal };
    await runSteps(parts).catch((error: unknown) => {
      if (!this.dead) throw error;
    });
  }

  async recover(dieAt: number, late: boolean): Promise<number> {
    Object.assign(this, { dead: false, calls: 0, dieAt });
    const entries = [...this.entries];
    const parts = { registry, journal: this.journal(late), context: this.context(late), entries };
    return (await undoSteps(parts)).failed.length;
  }
}

describe('the loss of a projector', () => {
  it('is put back after any cut, also one in the restore, and twice is harmless', async () => {
    const whole = new World();
    await whole.forward(-1, false);
    const points = whole.calls;
    expect(points).toBe(9);
    for (const late of [false, true]) {
      for (let at = 0; at < points; at += 1) {
        for (const again of [-1, 0, 1, 2]) {
          const world = new World();
          await world.forward(at, late);
          if (again >= 0) await world.recover(again, late);
          expect(await world.recover(-1, late)).toBe(0);
          expect(pendingUndo(world.entries)).toEqual([]);
          expect(world).toMatchObject({ running: true, behind: 0 });
          expect(await world.recover(-1, late)).toBe(0);
          expect(world).toMatchObject({ running: true, behind: 0 });
        }
      }
    }
  });

  it('does not end before the projection has caught up', async () => {
    const world = new World();
    await world.forward(-1, false);
    expect(world).toMatchObject({ running: true, behind: 7 });
    await world.recover(-1, false);
    expect(world.behind).toBe(0);
  });
});
