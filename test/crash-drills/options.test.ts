import { expect, it } from 'vitest';
import { optionsOf } from './options.ts';

it('has a quick profile by default', () => {
  expect(optionsOf([])).toEqual({
    ...{ seed: 1, ratePerS: 50, baselineS: 5, only: [], columns: ['run'], minutes: 75 },
    ...{ fresh: false, keep: false, page: undefined },
  });
});

it('takes drills, steps of drills, and columns', () => {
  const options = optionsOf([
    '--only',
    'kafka-broker-loss,redis-shard-loss:2',
    '--columns',
    'both,run',
    '--fresh',
  ]);
  expect(options).toMatchObject({
    ...{ only: ['kafka-broker-loss', 'redis-shard-loss:2'], columns: ['run', 'both'], fresh: true },
  });
});

it.each([
  ['a drill that is not in the matrix', ['--only', 'kafka-broker-hang']],
  ['a step that is no number', ['--only', 'projector-loss:x']],
  ['a column that is none', ['--columns', 'run,all']],
  ['no column', ['--columns', '']],
  ['no rate', ['--rate', '0']],
  ['an option that is none', ['--resume']],
])('does not understand %s', (_, args) => {
  expect(optionsOf(args)).toBeUndefined();
});
