import { expect, it } from 'vitest';
import type { ProbeWrite } from '../probe/probe.ts';
import { failoverSteps } from '../steps/postgres/index.ts';
import { SET } from '../steps/postgres/testing/lives.ts';
import { addStep, watchSteps } from './moments.ts';

it('the loss is noticed when the drill has fenced and the leader is chosen when it has promoted, once each', () => {
  let nowNs = 0n;
  const written: ProbeWrite[] = [];
  const probe = { struck: new Set(['all']), writes: () => written };
  const watch = watchSteps({ monoNs: () => nowNs, planned: false, probe });
  const leaders: (string | undefined)[] = [];
  for (const step of [...failoverSteps(SET), ...failoverSteps(SET)]) {
    for (const state of ['begun', 'done', 'verified'] as const) {
      nowNs += 1000n;
      watch.onStep?.({ state, step, describe: step.kind });
    }
    leaders.push(watch.leaders?.()?.text);
  }
  // hold 1-3, fence 4-6, promote 7-9
  expect(watch.moments()).toEqual({ detectedNs: 5000n, electedNs: 8000n, reconnectedNs: null });
  expect(watch.settled?.()).toBe(false);
  expect(leaders.slice(0, 3)).toEqual([
    undefined,
    'nobody, since: postgres.fence',
    expect.stringMatching(/^one of .* leads in place of /),
  ]);
  written.push({ id: '1', group: 'all', endedNs: 9000n, outcome: 'ok' });
  expect(watch.moments().reconnectedNs).toBe(9000n);
  expect(watch.settled?.()).toBe(true);
});

it('nobody has to notice a planned switch', () => {
  const none = { detectedNs: null, electedNs: null };
  const [, fence] = failoverSteps(SET);
  if (fence === undefined) throw new Error('a failover fences');
  const event = { state: 'done', step: fence } as const;
  expect(addStep(none, event, 5n, { planned: true }).detectedNs).toBeNull();
  expect(addStep(none, event, 5n, { planned: false }).detectedNs).toBe(5n);
});
