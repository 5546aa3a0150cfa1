import { describe, expect, it } from 'vitest';
import type { Second } from '../../load/timeline.ts';
import { recoveryOf } from './fault.ts';

const MS = 1_000_000n;
const BASELINE = { seconds: 10, okPerS: 100, p99Ms: 40, worstP99Ms: 60, errorRate: 0 };
const TIMES = { faultNs: 0n, moments: { detectedNs: 1000n * MS, electedNs: 1000n * MS } };

/** A load that is well in every second, with acknowledgements at these ms on these partitions. */
function loadWith(acks: readonly (readonly [atMs: number, partition: number])[]) {
  const timeline = Array.from({ length: 8 }, (_, second): Second => {
    const none = { fail: 0, info: 0, firstAckUs: null, lastAckUs: null, firstFailureUs: null };
    return { second, ok: 100, p50Ms: 10, p99Ms: 20, ...none };
  });
  return {
    timeline: () => timeline,
    atUs: (ns: bigint) => Number(ns / 1000n),
    acks: {
      count: acks.length,
      atUs: (index: number) => (acks[index]?.[0] ?? 0) * 1000,
      partition: (index: number) => acks[index]?.[1] ?? -1,
    },
  };
}

const backOf = (acks: Parameters<typeof loadWith>[0]): number | null =>
  recoveryOf(loadWith(acks), BASELINE, TIMES as Parameters<typeof recoveryOf>[2], new Set([0, 1]))
    .backInsideSloMs;

describe('back inside the SLO', () => {
  it('is never before the last partition of the victim takes a write again, however well the sum looks', () => {
    expect(
      backOf([
        [1100, 0],
        [3500, 1],
      ]),
    ).toBe(3500);
  });

  it('was not seen where a partition never took one', () => {
    expect(backOf([[1100, 0]])).toBeNull();
  });
});
