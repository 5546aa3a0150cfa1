import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TOPICS } from '../../contract/records.ts';
import type { Throttle } from './throttles.ts';
import {
  commandPartitionsOf,
  diffTopology,
  type KafkaTopology,
  leadsMost,
  type PartitionPlace,
} from './topology.ts';

const place = (partition: number, leader: number, over: Partial<PartitionPlace> = {}): PartitionPlace => ({
  topic: 't',
  topicId: 'T',
  partition,
  leader,
  replicas: [leader, (leader % 3) + 1],
  isr: [1, 2, 3],
  ...over,
});
const topology = (partitions: PartitionPlace[], brokers = [1, 2, 3]): KafkaTopology => ({
  clusterId: 'c',
  brokers: brokers.map((id) => ({ id, rack: `az-${id}` })),
  partitions,
});
const places = fc
  .array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 24 })
  .map((leaders) => leaders.map((leader, i) => place(i, leader)));

describe('topology', () => {
  it('does not differ from itself, nor when a new topic has appeared', () => {
    fc.assert(
      fc.property(places, (now) => {
        const before = topology(now);
        expect(diffTopology(before, topology([...now, place(0, 1, { topic: 'new', topicId: 'N' })]))).toEqual(
          [],
        );
      }),
    );
  });

  it('names every changed leader, ISR, replica list and every lost broker', () => {
    const before = topology([place(0, 1), place(1, 2), place(2, 3), place(3, 1)]);
    const after = topology(
      [place(0, 2, { replicas: [1, 2] }), place(1, 2, { isr: [2, 3] }), place(2, 3, { replicas: [3, 2] })],
      [1, 2],
    );
    expect(diffTopology(before, after)).toEqual([
      'broker 3 (az-3) is not registered',
      't/0 is led by 2, was led by 1',
      't/1 ISR is 2,3, was 1,2,3',
      't/2 replicas are 3,2, were 3,1',
      't/3 is gone or was made again',
    ]);
  });

  it('finds any single changed leader', () => {
    fc.assert(
      fc.property(places, fc.nat(), (now, pick) => {
        const index = pick % now.length;
        const moved = now.map((p, i) => (i === index ? { ...p, leader: (p.leader % 3) + 1 } : p));
        expect(diffTopology(topology(now), topology(moved))).toHaveLength(1);
      }),
    );
  });

  it('has no difference where the ISR has grown, and names every member that it lacks', () => {
    fc.assert(
      fc.property(fc.subarray([1, 2, 3, 4]), fc.subarray([1, 2, 3, 4]), (was, is) => {
        const before = topology([place(0, 1, { isr: was })]);
        const differs = diffTopology(before, topology([place(0, 1, { isr: is })]));
        expect(differs.length > 0).toBe(was.some((id) => !is.includes(id)));
      }),
    );
  });

  it('has no difference where a leader was missing or was not the preferred one, and now it is better', () => {
    const led = (leader: number): KafkaTopology => topology([place(0, leader, { replicas: [1, 2, 3] })]);
    expect(diffTopology(led(-1), led(2))).toEqual([]);
    expect(diffTopology(led(2), led(1))).toEqual([]);
    expect(diffTopology(led(1), led(-1))).toEqual(['t/0 is led by -1, was led by 1']);
    expect(diffTopology(led(2), led(3))).toEqual(['t/0 is led by 3, was led by 2']);
  });

  it('names every throttle that came, went or changed, where both sides were looked at', () => {
    const throttled = (...throttles: readonly Throttle[]): KafkaTopology => ({ ...topology([]), throttles });
    const rate = (broker: number, value: string): Throttle => ({
      ...{ of: `broker ${broker}`, name: 'follower.replication.throttled.rate', value },
    });
    expect(
      diffTopology(throttled(rate(1, '5'), rate(2, '5')), throttled(rate(2, '7'), rate(3, '5'))),
    ).toEqual([
      'broker 1: follower.replication.throttled.rate is not set, was 5',
      'broker 2: follower.replication.throttled.rate is 7, was 5',
      'broker 3: follower.replication.throttled.rate is 5, was not set',
    ]);
    expect(diffTopology(throttled(rate(1, '5')), throttled(rate(1, '5')))).toEqual([]);
    expect(diffTopology(topology([]), throttled(rate(1, '5')))).toEqual([]);
  });

  it('takes as victim the broker that leads most, the lowest id on a tie, and none where none leads', () => {
    expect(leadsMost(topology([place(0, 2), place(1, 2), place(2, 3)]), ['t'])).toEqual({
      broker: 2,
      leads: 2,
    });
    expect(leadsMost(topology([place(0, 3), place(1, 2)]), ['t'])).toEqual({ broker: 2, leads: 1 });
    expect(leadsMost(topology([place(0, 3)]), ['other'])).toBeUndefined();
  });
});

it('counts the partitions of the commands topic alone, and none where there is no such topic', () => {
  const partition = { partition: 0, leader: 1, leaderEpoch: 0, replicas: [1], isr: [1], offlineReplicas: [] };
  const topicOf = (name: string, count: number) => ({
    name,
    id: name,
    internal: false,
    partitions: Array.from({ length: count }, (_, at) => ({ ...partition, partition: at })),
  });
  expect(commandPartitionsOf({ topics: [topicOf('other', 2), topicOf(TOPICS.commands, 3)] })).toBe(3);
  expect(commandPartitionsOf({ topics: [topicOf('other', 2)] })).toBe(0);
});
