import { expect, it } from 'vitest';
import type { StepEvent } from '../../steps/engine.ts';
import { moveLeadersStep } from '../steps/kafka/move-leaders.ts';
import { watchMoves } from './producer-drill.ts';

it('leaders have moved when the step that moves them is done, not before', () => {
  const watch = watchMoves(() => 7n);
  const tell = (state: StepEvent['state'], kind: string): void =>
    watch.onStep?.({ state, step: { kind, version: 1, args: null }, describe: '' });
  tell('begun', moveLeadersStep.kind);
  tell('done', 'drill.holdTopology');
  expect(watch.moments()).toMatchObject({ electedNs: null });
  expect(watch.settled?.()).toBe(false);
  tell('done', moveLeadersStep.kind);
  expect(watch.moments()).toEqual({ detectedNs: null, electedNs: 7n, struckNs: 7n });
  expect(watch.settled?.()).toBe(true);
});
