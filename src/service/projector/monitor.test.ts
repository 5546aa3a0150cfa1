import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RecordBatch } from '../../clients/kafka/ports.ts';
import { projectionStatusSchema } from '../../contract/http.ts';
import type { Position } from './fold.ts';
import { ProjectionMonitor } from './monitor.ts';

const position = (nextOffset: number): Position => ({
  nextOffset: BigInt(nextOffset),
  leaderEpoch: 0,
  decidedThrough: BigInt(nextOffset - 1),
  commandsTopicId: null,
  logTimeMs: 0,
});

function batch(from: number, count: number, timestampMs: number, highWatermark: number): RecordBatch {
  const records = Array.from({ length: count }, (_, n) => ({
    offset: BigInt(from + n),
    leaderEpoch: 0,
    timestampMs,
    key: null,
    value: null,
    headers: [],
  }));
  const at = { topic: 'e', topicId: 'id', partition: 0 };
  return { ...at, records, nextOffset: BigInt(from + count), highWatermark: BigInt(highWatermark) };
}

function setUp() {
  const gauges = { records: -1, ms: -1 };
  const monitor = new ProjectionMonitor({
    projectionLagRecords: { set: (value) => (gauges.records = value) },
    projectionLagMs: { set: (value) => (gauges.ms = value) },
  });
  return { monitor, gauges };
}

const at = (nextOffset: number) => new Map([[0, position(nextOffset)]]);

describe('the monitor of a projection', () => {
  test('shows no lag when everything is applied, however long nothing has happened', () => {
    const { monitor, gauges } = setUp();
    const one = batch(0, 5, 1000, 5);
    monitor.read(one);
    monitor.wrote([one]);
    monitor.measure(at(5), 9_000_000);
    expect(gauges).toEqual({ records: 0, ms: 0 });
    const status = monitor.status(at(5), new Map(), 9_000_000);
    expect(status).toMatchObject({ lagRecords: 0, lagSeconds: 0, lagIsExact: true, etaSeconds: 0 });
    expect(projectionStatusSchema.parse(status)).toEqual(status);
  });

  test('knows the age of the oldest event in hand exactly, also while Postgres takes nothing', () => {
    const { monitor } = setUp();
    monitor.read(batch(0, 5, 1000, 20));
    monitor.read(batch(5, 5, 7000, 20));
    monitor.failed('no space left', 8000);
    expect(monitor.status(at(0), new Map(), 61_000)).toMatchObject({
      lagRecords: 20,
      lagSeconds: 60,
      lagIsExact: true,
      lastError: { at: '1970-01-01T00:00:08.000Z', reason: 'no space left' },
    });
  });

  test('counts what waits behind a partition that stopped', () => {
    const { monitor, gauges } = setUp();
    const one = batch(0, 5, 1000, 5);
    monitor.read(one);
    monitor.wrote([one]);
    monitor.measure(at(5), 2000);
    monitor.read(batch(5, 15, 3000, 20));
    monitor.measure(new Map(), 13_000);
    expect(gauges).toEqual({ records: 15, ms: 10_000 });
    const stopped = new Map([[0, 'a gap']]);
    expect(monitor.status(new Map(), stopped, 13_000)).toMatchObject({ lagRecords: 15, lagSeconds: 10 });
  });

  test('says at most, when the events that wait are not in hand', () => {
    const { monitor } = setUp();
    const one = batch(0, 5, 1000, 20);
    monitor.read(one);
    monitor.wrote([one]);
    expect(monitor.status(at(5), new Map(), 11_000)).toMatchObject({
      lagRecords: 15,
      lagSeconds: 10,
      lagIsExact: false,
    });
  });

  test('knows of a backlog that nothing was read of yet that it is at most as old as what was applied last', () => {
    const { monitor, gauges } = setUp();
    const positions = new Map([[0, { ...position(5), logTimeMs: 4000 }]]);
    monitor.ends(0, 20n);
    monitor.measure(positions, 64_000);
    expect(gauges).toEqual({ records: 15, ms: 60_000 });
    expect(monitor.status(positions, new Map(), 64_000)).toMatchObject({
      lagRecords: 15,
      lagSeconds: 60,
      lagIsExact: false,
    });
    monitor.read(batch(5, 1, 62_000, 20));
    expect(monitor.status(positions, new Map(), 64_000)).toMatchObject({ lagSeconds: 2, lagIsExact: true });
  });

  test('says nothing rather than 0 when nothing tells how old a backlog is', () => {
    const { monitor, gauges } = setUp();
    monitor.ends(0, 20n);
    monitor.measure(at(0), 64_000);
    expect(gauges).toEqual({ records: 20, ms: Number.NaN });
    const status = monitor.status(at(0), new Map(), 64_000);
    expect(status).toMatchObject({ lagRecords: 20, lagSeconds: null, lagIsExact: false });
    expect(projectionStatusSchema.parse(status)).toEqual(status);
  });

  test('says nothing when a partition never got going, whatever it knows of the others', () => {
    const { monitor } = setUp();
    monitor.ends(0, 5n);
    monitor.ends(1, 9n);
    const stopped = new Map([[1, 'the position is not in the log']]);
    expect(monitor.status(at(5), stopped, 1000)).toMatchObject({ lagSeconds: null, lagIsExact: false });
  });

  test('tells when it will have caught up from the pace of the last minute, and not when it does not', () => {
    const { monitor } = setUp();
    const status = (applied: number, end: number, nowMs: number) => {
      monitor.ends(0, BigInt(end));
      monitor.measure(at(applied), nowMs);
      return monitor.status(at(applied), new Map(), nowMs);
    };
    expect(status(0, 1000, 0).etaSeconds).toBeNull();
    monitor.wrote([batch(0, 500, 0, 1000)]);
    expect(status(500, 1000, 10_000)).toMatchObject({ appliedPerSecond: 50, etaSeconds: 10 });
    expect(status(500, 2000, 20_000).etaSeconds).toBeNull();
  });

  test('names the partitions that cannot go on', () => {
    const { monitor } = setUp();
    const stopped = new Map([[3, 'a gap']]);
    expect(monitor.status(new Map(), stopped, 0).stopped).toEqual([{ partition: 3, reason: 'a gap' }]);
  });

  test('never shows a lag below zero, and always a valid answer', () => {
    const looks = fc.array(fc.record({ applied: fc.nat(50), end: fc.nat(50), nowMs: fc.nat(100_000) }));
    fc.assert(
      fc.property(looks, (all) => {
        const { monitor } = setUp();
        for (const { applied, end, nowMs } of all.toSorted((a, b) => a.nowMs - b.nowMs)) {
          monitor.ends(0, BigInt(end));
          monitor.measure(at(applied), nowMs);
          projectionStatusSchema.parse(monitor.status(at(applied), new Map(), nowMs));
        }
      }),
    );
  });
});
