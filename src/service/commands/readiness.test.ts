import { describe, expect, test } from 'vitest';
import type { Phase } from './owner.ts';
import { type OwnerSeen, partitionsProbe } from './readiness.ts';

const owner = (phase: Phase, reason = '', silent = 0): OwnerSeen => ({
  phase,
  reason,
  silentMs: () => silent,
});

function probe(owners: readonly OwnerSeen[], over: Partial<Parameters<typeof partitionsProbe>[0]> = {}) {
  return partitionsProbe({
    owners: new Map(owners.entries()),
    total: owners.length,
    stalled: [],
    isReading: true,
    silentAfterMs: 10_000,
    nowMs: 0,
    ...over,
  });
}

describe('the commands role', () => {
  test('is ready when every partition of its share decides and hears something', () => {
    const { ok, detail } = probe([owner('deciding'), owner('deciding', '', 9_999)]);
    expect([ok, detail]).toEqual([true, '2/2 partitions decide']);
  });

  test.each([
    ['nothing is read yet', probe([owner('deciding')], { isReading: false }), '1/1'],
    ['a partition is missing', probe([owner('deciding')], { total: 2 }), '1/2'],
    ['one is stopped', probe([owner('deciding'), owner('stopped', 'a gap')]), '1 stopped: a gap'],
    ['one is silent', probe([owner('deciding', '', 10_001)]), '0 hears nothing, not even its own ticks'],
    [
      'a reader stands still',
      probe([owner('deciding')], { stalled: [{ topic: 'c', partition: 0, reason: 'away' }] }),
      'c/0 not readable: away',
    ],
  ])('is not ready when %s, and says so', (_, { ok, detail }, says) => {
    expect(ok).toBe(false);
    expect(detail).toContain(says);
  });

  test('does not call a partition silent that never was to hear anything: it restores', () => {
    expect(probe([owner('restoring', 'events not read yet', 60_000)]).detail).not.toContain('hears nothing');
  });
});
