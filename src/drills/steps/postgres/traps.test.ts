import { beforeAll, describe, expect, it } from 'vitest';
import { runSteps, undoSteps } from '../../../steps/engine.ts';
import type { StepEntry } from '../../../steps/journal-kinds.ts';
import { stepOf, stepRegistry } from '../../../steps/kind.ts';
import { failoverSteps, holdSetStep, killStep, postgresKinds, switchoverSteps } from './index.ts';
import { live, never, SET, stepJournal } from './testing/lives.ts';
import { Model } from './testing/model.ts';

// What is known to go wrong when a Postgres primary is replaced, each as the order of what was done.

const registry = stepRegistry(postgresKinds);
const { signal } = new AbortController();

/** The effects of a drill on the way there, and on the way back. */
async function effectsOf(
  steps: ReturnType<typeof failoverSteps>,
): Promise<{ there: string[]; back: string[]; model: Model }> {
  const model = new Model(['row 0', 'row 1'], [2, 2], true);
  const entries: StepEntry[] = [];
  const journal = stepJournal(model, entries, never);
  live(model, never);
  await runSteps({ registry, journal, context: model.context, steps, signal });
  const there = model.effects.splice(0);
  await undoSteps({ registry, journal, context: model.context, entries: [...entries] });
  return { there, back: model.effects, model };
}

/** All of them are there, in this order (others may stand between). */
function expectOrder(effects: readonly string[], ...wanted: readonly string[]): void {
  let at = -1;
  for (const effect of wanted) {
    at = effects.indexOf(effect, at + 1);
    expect(at, `${effect} in ${effects.join(', ')}`).toBeGreaterThanOrEqual(0);
  }
}

const hold = stepOf(holdSetStep, { set: SET });
let loss: Awaited<ReturnType<typeof effectsOf>>;
let planned: Awaited<ReturnType<typeof effectsOf>>;
beforeAll(async () => {
  loss = await effectsOf([hold, stepOf(killStep, { set: SET }), ...failoverSteps(SET, { killedByUs: true })]);
  planned = await effectsOf([hold, ...switchoverSteps(SET, 'az-b')]);
});

describe('a drill of a Postgres primary', () => {
  it('writes a CHECKPOINT before clients have to wait, or they would wait for it in the shutdown', () => {
    expectOrder(planned.there, 'checkpoint on az-a', 'hold', 'fence az-a', 'promote az-b');
    for (const { back } of [loss, planned]) expectOrder(back, 'checkpoint on az-b', 'hold', 'fence az-b');
  });

  it('fences before it promotes: a server that is merely silent may still write', () => {
    expectOrder(loss.there, 'kill az-a', 'fence az-a', 'promote az-b');
    expectOrder(loss.back, 'fence az-b', 'promote az-a');
  });

  it('gives the next leader its synchronous standbys before it leads, or its commits would wait for itself', () => {
    for (const { there, back } of [loss, planned]) {
      expectOrder(there, 'role of az-b', 'promote az-b');
      expectOrder(back, 'role of az-a', 'promote az-a');
    }
  });

  it('makes slots on the new leader before anybody follows it: they do not follow a promotion', () => {
    for (const { there } of [loss, planned])
      expectOrder(there, 'promote az-b', 'slots of az-b', 'role of az-c');
  });

  it('writes a CHECKPOINT on the new leader before a rewind, which would find nothing to do otherwise', () => {
    for (const { there, back } of [loss, planned]) {
      expectOrder(there, 'promote az-b', 'checkpoint on az-b', 'rewind az-a', 'start az-a as standby');
      expectOrder(back, 'promote az-a', 'checkpoint on az-a', 'rewind az-b', 'start az-b as standby');
    }
  });

  it('lets clients go on only where the new leader is reached, and before the rewind', () => {
    for (const { there } of [loss, planned])
      expectOrder(there, 'hold', 'promote az-b', 'point to az-b', 'release', 'rewind az-a');
  });

  it('comes back by the planned way alone: who led meanwhile is asked to finish, never killed', () => {
    for (const { model } of [loss, planned]) expect(model.of('az-b').clean).toBe(true);
    expect(loss.model.of('az-a').clean).toBe(false);
    expect(planned.model.of('az-a').clean).toBe(true);
  });
});
