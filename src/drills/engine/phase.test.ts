import { expect, test } from 'vitest';
import { inPhase } from './phase.ts';

test('a phase is two lines around its work, also when that fails', async () => {
  const lines: unknown[] = [];
  const journal = {
    append: async (kind: string, body: unknown) => {
      lines.push([kind, body]);
      return undefined as never;
    },
  };
  expect(await inPhase(journal, 'fault', async () => lines.push('work'))).toBe(2);
  const failure = new Error('no broker');
  await expect(inPhase(journal, 'restore', () => Promise.reject(failure))).rejects.toBe(failure);
  expect(lines).toEqual([
    ['phase.begun', { phase: 'fault' }],
    'work',
    ['phase.ended', { phase: 'fault' }],
    ['phase.begun', { phase: 'restore' }],
    ['phase.ended', { phase: 'restore' }],
  ]);
});

test('a journal that takes no line keeps nothing from being put back', async () => {
  const journal = { append: () => Promise.reject(new Error('disk full')) };
  expect(await inPhase(journal, 'restore', async () => 'back')).toBe('back');
});
