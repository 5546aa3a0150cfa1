import { expect, it } from 'vitest';
import { failoverSteps } from '../steps/postgres/index.ts';
import { SET } from '../steps/postgres/testing/lives.ts';
import { watchSteps } from './moments.ts';

it('the loss is noticed when the drill has fenced and the leader is chosen when it has promoted, once each', () => {
  let nowNs = 0n;
  const watch = watchSteps(() => nowNs);
  for (const step of [...failoverSteps(SET), ...failoverSteps(SET)]) {
    for (const state of ['begun', 'done', 'verified'] as const) {
      nowNs += 1n;
      watch.onStep?.({ state, step, describe: '' });
    }
  }
  // hold 1-3, fence 4-6, promote 7-9
  expect(watch.moments()).toEqual({ detectedNs: 5n, electedNs: 8n });
});
