import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  ackGap,
  backInsideSlo,
  baselineOf,
  countAcks,
  errorWindow,
  gapsByPartition,
  longestGap,
  notBackBeforeMs,
} from './measure.ts';
import type { AckTimes, Second } from './timeline.ts';

type Ack = readonly [atUs: number, partition: number];
const acksOf = (acks: readonly Ack[]): AckTimes => ({
  count: acks.length,
  atUs: (index) => acks[index]?.[0] ?? Number.NaN,
  partition: (index) => acks[index]?.[1] ?? 0,
});
const sorted = fc
  .array(fc.tuple(fc.nat(1_000), fc.nat(3)), { maxLength: 60 })
  .map((acks) => acks.toSorted((a, b) => a[0] - b[0]) as readonly Ack[]);
const partitions = fc.option(
  fc.uniqueArray(fc.nat(3)).map((list) => new Set(list)),
  { nil: undefined },
);
const chosen = (acks: readonly Ack[], of: ReadonlySet<number> | undefined): number[] =>
  acks.filter(([, partition]) => of === undefined || of.has(partition)).map(([atUs]) => atUs);

test('counts and gaps equal those of a plain scan', () => {
  fc.assert(
    fc.property(sorted, fc.nat(1_000), fc.nat(1_000), partitions, (acks, from, to, of) => {
      const times = chosen(acks, of);
      expect(countAcks(acksOf(acks), from, to, of)).toBe(times.filter((at) => from <= at && at < to).length);
      const before = times.filter((at) => at < from).at(-1) ?? null;
      const after = times.find((at) => at >= from) ?? null;
      expect(ackGap(acksOf(acks), from, of)).toMatchObject({ lastBeforeUs: before, firstAfterUs: after });
    }),
  );
});

test('the longest gap equals that of a plain scan, and an open end is the longest', () => {
  fc.assert(
    fc.property(sorted, fc.nat(1_000), fc.nat(500), partitions, (acks, from, length, of) => {
      const to = from + length;
      const times = chosen(acks, of);
      const gap = longestGap(acksOf(acks), from, to, of);
      const last = times.at(-1);
      if (last === undefined || last < to) {
        expect(gap).toMatchObject({ lastBeforeUs: last ?? null, firstAfterUs: null, gapMs: null });
        return;
      }
      const pairs = times.slice(1).map((at, index) => ({ start: times[index] ?? 0, end: at }));
      const touching = pairs
        .filter(({ start, end }) => end >= from && start < to)
        .map(({ start, end }) => (end - start) / 1000);
      expect(gap.gapMs ?? -1).toBe(touching.length === 0 ? -1 : Math.max(...touching));
    }),
  );
});

test('an outage of one partition shows in its own gap, not in the gap of all', () => {
  const acks: Ack[] = [];
  for (let at = 0; at < 10_000_000; at += 10_000) {
    const partition = (at / 10_000) % 2;
    if (partition === 0 || at < 3_000_000 || at > 7_000_000) acks.push([at, partition]);
  }
  const gaps = gapsByPartition(acksOf(acks), 3_000_000, 9_000_000, [0, 1]);
  expect(longestGap(acksOf(acks), 3_000_000, 9_000_000).gapMs).toBe(20);
  expect(gaps.get(0)?.gapMs).toBe(20);
  expect(gaps.get(1)?.gapMs).toBeCloseTo(4_020, 0);
});

test('an answer already on its way at the fault does not hide the outage behind it', () => {
  const acks: Ack[] = [
    [990_000, 0],
    [1_001_000, 0],
    [6_000_000, 0],
  ];
  expect(ackGap(acksOf(acks), 1_000_000).gapMs).toBe(11);
  expect(longestGap(acksOf(acks), 1_000_000, 3_000_000).gapMs).toBe(4_999);
});

function row(second: number, ok: number, failures = 0, p99Ms: number | null = ok > 0 ? 10 : null): Second {
  const at = second * 1_000_000 + 500_000;
  return {
    second,
    ok,
    fail: failures,
    info: 0,
    p50Ms: p99Ms,
    p99Ms,
    firstAckUs: ok > 0 ? at : null,
    lastAckUs: ok > 0 ? at : null,
    firstFailureUs: failures > 0 ? at : null,
  };
}
const rows = (...specs: readonly (readonly [ok: number, failures?: number, p99Ms?: number])[]): Second[] =>
  specs.map(([ok, failures, p99Ms], second) =>
    p99Ms === undefined ? row(second, ok, failures) : row(second, ok, failures, p99Ms),
  );

test('the error window ends at the first of N clean seconds; a silent second is not clean', () => {
  const timeline = rows([100], [100], [50, 5], [0], [100], [20, 1], [100], [100], [100]);
  expect(errorWindow(timeline, 1_900_000, { cleanSeconds: 2 })).toEqual({
    firstFailureUs: 2_500_000,
    cleanFromUs: 6_000_000,
    windowMs: 3_500,
  });
  expect(errorWindow(timeline, 1_900_000, { cleanSeconds: 4 })).toMatchObject({
    cleanFromUs: null,
    windowMs: null,
  });
  expect(errorWindow(timeline, 6_000_000, { cleanSeconds: 2 })).toBeNull();
});

test('back inside the SLO counts from the moment until N seconds in a row were inside', () => {
  const limits = { p99Ms: 50, errorRate: 0.01, minOkPerS: 50, forSeconds: 2 };
  const timeline = rows([100], [100], [40, 0], [0], [100, 0, 400], [100], [100, 9], [100], [100]);
  expect(backInsideSlo(timeline, 1_500_000, limits)).toEqual({
    leftUs: 2_000_000,
    backUs: 7_000_000,
    backInMs: 5_500,
  });
  expect(backInsideSlo(timeline.slice(0, 8), 1_500_000, limits)).toMatchObject({
    backUs: null,
    backInMs: null,
  });
  expect(backInsideSlo(rows([100], [100], [100]), 500_000, limits)).toEqual({
    leftUs: null,
    backUs: 0,
    backInMs: 0,
  });
});

test('what is not back yet is back no sooner than is said of it, whatever comes next', () => {
  const limits = { p99Ms: 50, errorRate: 0.01, minOkPerS: 50, forSeconds: 3 };
  const second = fc.constantFrom([100], [100], [100], [0], [100, 9], [100, 0, 400]) as fc.Arbitrary<
    readonly [number, number?, number?]
  >;
  const seconds = fc.array(second, { maxLength: 12 });
  fc.assert(
    fc.property(seconds, seconds, fc.nat(4_000_000), (seen, next, momentUs) => {
      const least = notBackBeforeMs(rows(...seen), momentUs, limits);
      const { backInMs } = backInsideSlo(rows(...seen, ...next), momentUs, limits);
      if (backInMs !== null) expect(backInMs).toBeGreaterThanOrEqual(least);
    }),
  );
  expect(notBackBeforeMs(rows([100], [0], [0], [100], [100]), 500_000, limits)).toBe(2500);
  expect(notBackBeforeMs(rows([100], [0], [100], [100], [100], [0]), 500_000, limits)).toBe(1500);
  expect(notBackBeforeMs(rows([0], [100]), 1_500_000, limits)).toBe(0);
});

test('a baseline without acknowledgements is none', () => {
  expect(baselineOf(rows([0, 3], [0]), 0, 2_000_000)).toBeNull();
  expect(baselineOf(rows([100, 0, 10], [80, 20, 30], [999, 0, 9]), 0, 2_000_000)).toEqual({
    seconds: 2,
    okPerS: 90,
    p99Ms: 30,
    worstP99Ms: 30,
    errorRate: 0.1,
  });
});
