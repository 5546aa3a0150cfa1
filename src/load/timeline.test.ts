import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openTimeline } from './timeline.ts';

const completion = fc.record({
  stepUs: fc.integer({ min: 0, max: 2_500_000 }),
  kind: fc.constantFrom('ok', 'fail', 'info'),
  latencyUs: fc.integer({ min: 1, max: 60_000_000 }),
  partition: fc.nat(23),
});

test('every second shows exactly what was completed in it, empty seconds included', () => {
  fc.assert(
    fc.property(fc.array(completion, { maxLength: 200 }), (completions) => {
      const timeline = openTimeline();
      let atUs = 0;
      const placed = completions.map((item) => {
        atUs += item.stepUs;
        if (item.kind === 'ok') timeline.ok(atUs, item.latencyUs, item.partition);
        else timeline.failure(item.kind === 'fail' ? 'fail' : 'info', atUs);
        return { ...item, atUs };
      });
      const seconds = timeline.seconds(atUs + 1_000_000);
      expect(seconds).toHaveLength(Math.floor(atUs / 1_000_000) + 1);
      for (const row of seconds) {
        const own = placed.filter((item) => Math.floor(item.atUs / 1_000_000) === row.second);
        const acks = own.filter((item) => item.kind === 'ok');
        const failures = own.filter((item) => item.kind !== 'ok');
        expect(row.ok).toBe(acks.length);
        expect(row.fail + row.info).toBe(failures.length);
        expect(row.firstAckUs).toBe(acks[0]?.atUs ?? null);
        expect(row.lastAckUs).toBe(acks.at(-1)?.atUs ?? null);
        expect(row.firstFailureUs).toBe(failures[0]?.atUs ?? null);
        const sorted = acks.map((item) => item.latencyUs / 1000).toSorted((a, b) => a - b);
        const p99 = sorted[Math.max(0, Math.ceil(sorted.length * 0.99) - 1)];
        if (p99 === undefined) expect(row.p99Ms).toBeNull();
        else expect(Math.abs((row.p99Ms ?? 0) - p99)).toBeLessThanOrEqual(p99 * 0.002 + 0.001);
      }
      expect(timeline.acks.count).toBe(placed.filter((item) => item.kind === 'ok').length);
    }),
    { numRuns: 60 },
  );
});

test('acknowledgements beyond the limit are counted per second, and the loss of detail is said', () => {
  const timeline = openTimeline({ maxAcks: 10 });
  for (let at = 0; at < 20; at += 1) timeline.ok(at, 1, 0);
  expect(timeline.acks.count).toBe(10);
  expect(timeline.truncated).toBe(true);
  expect(timeline.seconds(1_000_000)[0]?.ok).toBe(20);
});
