import { describe, expect, it } from 'vitest';
import type { ClusterState } from '../../clients/kafka/ports.ts';
import { foldSample, type LeadershipMoves, leadersText, sampleOf } from './leadership.ts';

const state = (leaders: number[], brokers: number[]): ClusterState => ({
  clusterId: 'c',
  brokers: brokers.map((id) => ({ id, host: 'h', port: id, rack: null })),
  topics: [
    {
      name: 't',
      id: 'T',
      internal: false,
      partitions: leaders.map((leader, partition) => ({
        partition,
        leader,
        leaderEpoch: 0,
        replicas: [1, 2, 3],
        isr: [1, 2, 3],
        offlineReplicas: [],
      })),
    },
  ],
});
const led = new Set(['t/0', 't/1']);
const none: LeadershipMoves = { detectedNs: null, electedNs: null };

describe('watching leadership move', () => {
  it('notices nothing while the cluster still believes in the victim', () => {
    expect(foldSample(none, sampleOf(state([2, 2, 1], [1, 2, 3]), 2, led, 5n), led.size)).toEqual(none);
  });

  it('tells the moment of notice from the moment every partition has a leader', () => {
    const noticed = foldSample(none, sampleOf(state([1, -1, 1], [1, 3]), 2, led, 5n), led.size);
    expect(noticed).toEqual({ detectedNs: 5n, electedNs: null });
    expect(foldSample(noticed, sampleOf(state([1, 3, 1], [1, 3]), 2, led, 9n), led.size)).toEqual({
      detectedNs: 5n,
      electedNs: 9n,
    });
  });

  it('does not take a partition that a look does not name for one with a leader', () => {
    const sample = sampleOf(state([1], [1, 3]), 2, led, 5n);
    expect(sample.waiting).toBe(1);
    expect(foldSample(none, sample, led.size).electedNs).toBeNull();
    expect(foldSample(none, sampleOf(state([], [1, 2, 3]), 2, led, 5n), led.size)).toEqual(none);
  });

  it('says how many wait, and nothing before anybody has looked', () => {
    expect(leadersText(undefined, 2)).toBeUndefined();
    expect(leadersText(1, 2)).toEqual({ text: '1 of 2 partitions wait for another leader', waits: true });
    expect(leadersText(0, 2)).toEqual({ text: 'all 2 partitions have another leader', waits: false });
  });

  it('keeps the first moment of each', () => {
    const done: LeadershipMoves = { detectedNs: 1n, electedNs: 2n };
    expect(foldSample(done, sampleOf(state([1, 3, 1], [1, 3]), 2, led, 9n), led.size)).toEqual(done);
  });
});
