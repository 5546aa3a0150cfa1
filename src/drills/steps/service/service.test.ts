import { expect, it } from 'vitest';
import { runSteps, undoSteps } from '../../../steps/engine.ts';
import { pendingUndo } from '../../../steps/journal-kinds.ts';
import { stepOf, stepRegistry } from '../../../steps/kind.ts';
import { memoryJournal, signal } from '../../../steps/testing/switches.ts';
import { killProjectorStep, serviceKinds, startProcessStep } from './index.ts';
import { ServiceModel } from './testing/model.ts';

// What becomes of it when its process dies anywhere: src/drills/crash-matrix.test.ts.

const registry = stepRegistry(serviceKinds);
const args = { units: '/units', id: 'projector-1' };
const steps = [stepOf(killProjectorStep, args), stepOf(startProcessStep, args)];

it('the loss of a projector does not end before the projection has caught up', async () => {
  const model = new ServiceModel();
  const journal = memoryJournal(model);
  const parts = { registry, journal, context: model.context };
  await runSteps({ ...parts, steps, signal });
  expect(model).toMatchObject({ process: 'up', behindRecords: 7 });
  const { failed } = await undoSteps({ ...parts, entries: [...journal.entries] });
  expect(failed).toEqual([]);
  expect(pendingUndo(journal.entries)).toEqual([]);
  expect(model.behindRecords).toBe(0);
});
