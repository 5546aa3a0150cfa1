import { describe, expect, it } from 'vitest';
import type { FetchGot } from './fetch.ts';
import type { ClusterState } from './ports.ts';
import { applyFetch, applyMetadata, needsLeader, newSlot, type Slot, stalledBy } from './slots.ts';

const open = (): Slot => newSlot({ topic: 't', topicId: 'id-1', partition: 0, nextOffset: 5n }, 0);

function cluster(leader: number, leaderEpoch: number, topicId = 'id-1'): ClusterState {
  const partitions = [
    { partition: 0, leader, leaderEpoch, replicas: [1, 2], isr: [1, 2], offlineReplicas: [] },
  ];
  return { clusterId: 'c', brokers: [], topics: [{ name: 't', id: topicId, internal: false, partitions }] };
}

const got = (errorCode: number): FetchGot => ({
  topicId: 'id-1',
  partition: 0,
  errorCode,
  highWatermark: 3n,
  batches: [],
});

describe('one partition being read', () => {
  it('follows leaders forward and never back to an older epoch', () => {
    const slot = open();
    applyMetadata(slot, cluster(1, 4), 0);
    applyMetadata(slot, cluster(2, 5), 0);
    applyMetadata(slot, cluster(1, 4), 0);
    expect(slot).toMatchObject({ leader: 2, leaderEpoch: 5 });
  });

  it('keeps its leader while the metadata names none', () => {
    const slot = open();
    applyMetadata(slot, cluster(1, 4), 0);
    applyMetadata(slot, cluster(-1, 5), 0);
    expect(slot).toMatchObject({ leader: 1, failure: undefined });
  });

  it('stops when the topic id changed, also under the same name', () => {
    const slot = open();
    applyMetadata(slot, cluster(1, 0, 'id-2'), 0);
    expect(slot.failure).toMatchObject({ code: 'UPL-KAFKA-OUT-OF-RANGE' });
  });

  it('stops when the topic stays away, and forgives a short absence', () => {
    const slot = open();
    const without: ClusterState = { ...cluster(1, 0), topics: [] };
    applyMetadata(slot, without, 0);
    applyMetadata(slot, cluster(1, 0), 9000);
    applyMetadata(slot, without, 10_000);
    applyMetadata(slot, without, 19_000);
    expect(slot.failure).toBeUndefined();
    applyMetadata(slot, without, 20_000);
    expect(slot.failure).toMatchObject({ code: 'UPL-KAFKA-OUT-OF-RANGE' });
  });

  it('stops at OFFSET_OUT_OF_RANGE without moving, and looks for the leader at any other error', () => {
    const slot = open();
    slot.stale = false;
    applyFetch(slot, got(1), 10);
    expect(slot).toMatchObject({ nextOffset: 5n, failure: { code: 'UPL-KAFKA-OUT-OF-RANGE' } });
    for (const code of [3, 5, 6, 9, 56, 74, 75, 78, 100, 103, -1]) {
      const other = open();
      other.stale = false;
      applyFetch(other, got(code), 10);
      expect(other).toMatchObject({ stale: true, failure: undefined, retryAtMs: 110, nextOffset: 5n });
    }
  });

  it('is stalled while it has no answer, but not while its own buffer is full', () => {
    const slot = open();
    applyFetch(slot, got(0), 100);
    slot.leader = 1;
    expect(needsLeader(slot, true, 500)).toBe(false);
    expect(needsLeader(slot, true, 1200)).toBe(true);
    expect(needsLeader(slot, false, 1200)).toBe(false);
    expect(stalledBy(slot, true, 1200, 1000)).toEqual([
      { topic: 't', partition: 0, sinceMs: 100, reason: 'its leader has not answered' },
    ]);
    expect(stalledBy(slot, false, 1200, 1000)).toEqual([]);
  });
});
