import { expect, it } from 'vitest';
import { TOPICS } from '../../contract/records.ts';
import type { StepEvent } from '../../steps/engine.ts';
import { moveLeadersStep } from '../steps/kafka/move-leaders.ts';
import { PROBE_TOPIC } from './probe-topic.ts';
import { placesOf, planOf, watchMoves } from './producer-drill.ts';
import type { KafkaTopology } from './topology.ts';

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

it('moves the topic of the probe along, and counts it neither as hit nor as part of the platform', () => {
  const place = (topic: string, partition: number) => {
    const replicas = [1, 2, 3];
    return { topic, topicId: topic, partition, leader: 1, replicas, isr: replicas };
  };
  const topology: KafkaTopology = {
    clusterId: 'c',
    brokers: [],
    partitions: [
      place(TOPICS.commands, 0),
      place(TOPICS.events, 0),
      place('other', 0),
      place(PROBE_TOPIC, 0),
    ],
  };
  const probe = [{ topic: PROBE_TOPIC, partition: 0, replicas: [1, 2, 3] }];
  const { blast, steps, partitions } = planOf(topology, placesOf(topology), probe);
  expect(blast).toMatchObject({ hit: 2, of: 3 });
  const moved = [TOPICS.commands, TOPICS.events, PROBE_TOPIC].map((topic) => ({ topic, partition: 0 }));
  expect(steps[1]?.args).toMatchObject({ partitions: moved });
  expect([...(partitions ?? [])]).toEqual([0]);
});
