import { describe, expect, it } from 'vitest';
import type { Second } from '../../load/timeline.ts';
import { observationOf, recoveryOf } from './recovery.ts';

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

  it('is what the store itself was seen to take, where the drill sees that; else it was not seen', () => {
    const recovery = (reconnectedNs: bigint | null, electedNs: bigint | null = 1000n * MS) =>
      recoveryOf(
        loadWith([]),
        BASELINE,
        { faultNs: 0n, moments: { detectedNs: null, electedNs, reconnectedNs } },
        undefined,
      );
    expect(recovery(4500n * MS)).toEqual({
      detectMs: null,
      electMs: 1000,
      reconnectMs: 3500,
      backInsideSloMs: 4500,
    });
    expect(recovery(null)).toMatchObject({ reconnectMs: null, backInsideSloMs: null });
    expect(recovery(null, null)).toMatchObject({ electMs: null, backInsideSloMs: null });
  });

  it('was not seen where a partition never took one', () => {
    expect(backOf([[1100, 0]])).toBeNull();
  });

  it('was not seen where leaders never moved away from what was struck, however well the load looks', () => {
    const recovery = recoveryOf(
      loadWith([[1100, 0]]),
      BASELINE,
      { faultNs: 0n, moments: { detectedNs: null, electedNs: null } },
      new Set([0]),
    );
    expect(recovery).toMatchObject({ electMs: null, reconnectMs: null, backInsideSloMs: null });
  });

  it('counts from the last strike, where there were several', () => {
    const struckNs = 2000n * MS;
    const recovery = recoveryOf(
      loadWith([
        [1100, 0],
        [2300, 0],
      ]),
      BASELINE,
      { faultNs: 0n, moments: { detectedNs: null, electedNs: struckNs, struckNs } },
      new Set([0]),
    );
    expect(recovery).toMatchObject({ electMs: 0, reconnectMs: 300, backInsideSloMs: 300 });
  });
});

describe('what was observed', () => {
  const { timeline, ...load } = loadWith([]);
  const silent = (second: number) => ({ ...timeline()[0], second, ok: 0, p99Ms: null }) as Second;
  const of = (rows: readonly Second[], struckNs?: bigint) =>
    observationOf(
      { ...load, timeline: () => [...rows] },
      BASELINE,
      { faultNs: 1000n * MS, moments: { detectedNs: null, electedNs: null, struckNs: struckNs ?? null } },
      9000n * MS,
    );

  it('counts from the last strike to the end of the observation', () => {
    expect(of(timeline())).toEqual({ lastedMs: 8000, outsideMs: 0 });
    expect(of(timeline(), 4000n * MS)).toEqual({ lastedMs: 5000, outsideMs: 0 });
  });

  it('says how long the load was outside for certain, also where it never came back', () => {
    const rows = timeline().map((row) => (row.second < 2 || row.second > 6 ? row : silent(row.second)));
    expect(of(rows)).toEqual({ lastedMs: 8000, outsideMs: 6000 });
  });
});
