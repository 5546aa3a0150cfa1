import { expect, it } from 'vitest';
import { lookAtDifferences } from './conclude.ts';

const target = 'Kafka cluster abc';

it('one look at what differs that fails is taken again', async () => {
  const answers = [() => Promise.reject(new Error('no answer')), async () => ['broker 2 has no rack']];
  const differences = (): Promise<string[]> => answers.shift()?.() ?? Promise.resolve([]);
  expect(await lookAtDifferences({ target, differences }, 5000)).toEqual(['broker 2 has no rack']);
});

it('no difference is an answer', async () => {
  expect(await lookAtDifferences({ target, differences: async () => [] })).toEqual([]);
});

it('what cannot be looked at is a difference, not the end of the verdict', async () => {
  const differences = (): Promise<never> => Promise.reject(new Error('no answer'));
  expect(await lookAtDifferences({ target, differences }, 0)).toEqual([
    expect.stringMatching(/^Kafka cluster abc could not be looked at: .*no answer/),
  ]);
});
