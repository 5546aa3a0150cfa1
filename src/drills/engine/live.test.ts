import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LiveEvent } from '../../core/live.ts';
import type { Second } from '../../load/timeline.ts';
import type { Drill, DrillOptions, Prepared } from './drill.ts';
import { planOf, tellFault, tellLoad } from './live.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const row = (second: number, p99Ms: number | null = 20): Second => ({
  ...{ second, ok: 100, fail: 1, info: 2, p50Ms: 10, p99Ms },
  ...{ firstAckUs: null, lastAckUs: null, firstFailureUs: null },
});

describe('the load of a drill', () => {
  it('is told once a second, each second once, with the worst p99 of the last five', () => {
    const told: LiveEvent[] = [];
    const timeline: Second[] = [row(0, 900)];
    const stats = () => ({ acknowledged: 7, inFlight: 3 }) as never;
    const nowUs = () => 1_400_000;
    const stop = tellLoad({ timeline: () => timeline, stats, nowUs }, (event) => told.push(event));
    vi.advanceTimersByTime(1000);
    timeline.push(...[1, 2, 3, 4].map((at) => row(at, 10 + at)), row(5, null));
    vi.advanceTimersByTime(1000);
    stop();
    vi.advanceTimersByTime(10_000);
    expect(told).toEqual([
      {
        kind: 'load',
        acknowledged: 7,
        inFlight: 3,
        p99Ms: 900,
        ageMs: 400,
        seconds: [{ second: 0, ok: 100, failing: 3 }],
      },
      expect.objectContaining({
        p99Ms: 14,
        ageMs: 0,
        seconds: [1, 2, 3, 4, 5].map((second) => ({ second, ok: 100, failing: 3 })),
      }),
    ]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('costs nothing where nobody listens, and fails nothing where it cannot be told', () => {
    tellLoad({ timeline: () => [], stats: () => ({}) as never, nowUs: () => 0 }, undefined);
    expect(vi.getTimerCount()).toBe(0);
    const broken = (): never => {
      throw new Error('no timeline');
    };
    const stop = tellLoad({ timeline: broken, stats: broken, nowUs: broken }, () => undefined);
    vi.advanceTimersByTime(3000);
    stop();
  });
});

describe('what is seen of a fault', () => {
  it('is told from the fault on: parts, who leads, and how long it may go on', () => {
    const told: LiveEvent[] = [];
    let nowNs = 0n;
    const clock = { nowMs: () => 0, monoNs: () => nowNs };
    const leaders = { text: '17 of 26 partitions wait for another leader', waits: true };
    const seen = { detectMs: 3000, electMs: null, reconnectMs: null, backInsideSloMs: null };
    const telling = tellFault(
      { clock, live: (event) => told.push(event) },
      { watch: { leaders: () => leaders }, deadlineMs: 10_000, recovery: () => seen },
    );
    vi.advanceTimersByTime(1000);
    expect(told).toEqual([]);
    telling.begin(0n);
    nowNs = 4_000_000_000n;
    vi.advanceTimersByTime(250);
    telling.stop();
    const parts = { detect: 3000, elect: null, reconnect: null, fresh: null, slo: null };
    expect(told).toEqual([{ kind: 'seen', sinceFaultMs: 4000, leftMs: 6000, parts, leaders }]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('the plan that is told', () => {
  it('names the parts that this drill has, in their order, with what explains them', () => {
    const prepared = {
      ...{ target: 'T', victim: { id: 'b', text: 'broker 2' }, fault: 'SIGKILL broker 2', steps: [1, 2] },
      expected: {
        restored: { expectedMs: null, by: 'ISR full' },
        detect: { expectedMs: 3000, by: 'broker.session.timeout.ms 3000' },
      },
    } as unknown as Prepared;
    const options = {
      region: 'local',
      environment: 'sandbox',
      ratePerS: 200,
      baselineMs: 10_000,
    } as DrillOptions;
    expect(planOf({ id: 'kafka-broker-loss' } as Drill, options, prepared, 4000)).toMatchObject({
      ...{ drill: 'kafka-broker-loss', region: 'local', victim: 'broker 2', steps: 2, afterMs: 4000 },
      baselineMs: 14_000,
      parts: [
        { id: 'detect', name: 'detect', expectedMs: 3000, by: 'broker.session.timeout.ms 3000' },
        { id: 'restored', name: 'restored', expectedMs: null, by: 'ISR full' },
      ],
    });
  });
});
