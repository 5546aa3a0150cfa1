import { type AddressInfo, createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { EXIT } from '../core/exit.ts';
import { waitFor } from '../core/wait.ts';
import { exitOfLoad } from './present.ts';
import { type LoadBench, openLoadBench } from './testing/bench.ts';
import type { Answer } from './testing/gateway.ts';

let bench: LoadBench;
beforeAll(async () => {
  bench = await openLoadBench();
});
afterEach(() => bench.closeGateways());
afterAll(() => bench.remove());

const always = (answer: Answer) => (): Answer => answer;

test('an answer that got lost is unknown until a retry under the same key is acknowledged', async () => {
  const seen = new Set<string>();
  const answer = (_number: number, eventId: string): Answer => {
    if (seen.has(eventId)) return { kind: 'accept' };
    seen.add(eventId);
    return { kind: 'resetAfter' };
  };
  const fake = await bench.gateway({ answer });
  const load = await bench.start([fake], { ratePerS: 50 });
  await load.ended;
  const summary = await load.stop();
  expect(summary).toMatchObject({ acknowledged: 50, unknown: 0, attempts: 100 });
  const { ops } = await bench.history();
  for (const [, own] of Map.groupBy(ops, (op) => op.eventId)) {
    expect(own.map(({ outcome, attempt }) => [outcome, attempt])).toEqual([
      ['info', 1],
      ['ok', 2],
    ]);
  }
  expect(fake.logs.flat()).toHaveLength(50);
});

test('a key that is still in use is asked for again after a second, as often as the deadline allows', async () => {
  const asked = new Map<string, number>();
  const answer = (_number: number, eventId: string): Answer => {
    const before = asked.get(eventId) ?? 0;
    asked.set(eventId, before + 1);
    if (before === 0) return { kind: 'resetBefore' };
    return before < 4 ? { kind: 'problem', status: 409, type: 'keyRunning' } : { kind: 'accept' };
  };
  const fake = await bench.gateway({ answer });
  const load = await bench.start([fake], { ratePerS: 10, maxAttempts: 2 });
  await waitFor(async () => load.stats().acknowledged === 10, { what: 'acknowledged', timeoutMs: 10_000 });
  expect(await load.stop()).toMatchObject({ acknowledged: 10, failed: 0, unknown: 0, attempts: 50 });
  const times = Map.groupBy(fake.requests, ({ eventId }) => eventId);
  for (const own of times.values())
    expect((own.at(-1)?.atMs ?? 0) - (own[1]?.atMs ?? 0)).toBeGreaterThanOrEqual(2990);
});

test('a dead gateway costs a retry, not the operation: refused connections are fail, the next gateway takes it', async () => {
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise<void>((resolve) => closed.close(() => resolve()));
  const load = await bench.start([{ url: `http://127.0.0.1:${port}` }, await bench.gateway()], {
    ratePerS: 50,
  });
  await load.ended;
  expect(await load.stop()).toMatchObject({
    acknowledged: 50,
    failed: 0,
    unknown: 0,
    attempts: 75,
    reasons: [{ reason: 'not sent: ECONNREFUSED', count: 25 }],
  });
});

test('problems: an invalid request is final, not ready is tried again, an unknown outcome stays unknown', async () => {
  const kinds: readonly Answer[] = [
    { kind: 'problem', status: 400, type: 'invalid' },
    { kind: 'problem', status: 503, type: 'notReady' },
    { kind: 'problem', status: 503, type: 'outcomeUnknown' },
    { kind: 'otherId' },
  ];
  const byEvent = new Map<string, Answer>();
  const answer = (_number: number, eventId: string): Answer => {
    const known = byEvent.get(eventId) ?? kinds[byEvent.size % kinds.length] ?? { kind: 'accept' };
    byEvent.set(eventId, known);
    return known;
  };
  const load = await bench.start([await bench.gateway({ answer })], { ratePerS: 20, maxAttempts: 2 });
  await load.ended;
  const summary = await load.stop();
  expect(summary).toMatchObject({ acknowledged: 0, failed: 10, unknown: 10, attempts: 35 });
  expect(exitOfLoad(summary)).toBe(EXIT.inconclusive);
  expect(summary.reasons).toContainEqual({ reason: '503 outcome-unknown', count: 10 });
  expect(summary.reasons).toContainEqual({
    reason: '202 with the operation id of another request',
    count: 10,
  });
});

test('what has no answer when the drain is over ends as unknown, and the history still gets its end', async () => {
  const load = await bench.start([await bench.gateway({ answer: always({ kind: 'hang' }) })], {
    ratePerS: 20,
  });
  await load.ended;
  const summary = await load.stop({ drainMs: 100 });
  expect(summary).toMatchObject({ acknowledged: 0, unknown: 20 });
  const { ops, report } = await bench.history();
  expect(report.digest).toBe('equal');
  expect(ops.map((op) => op.outcome)).toEqual(Array.from({ length: 20 }, () => 'info'));
});

test('a disk that fails stops the load with UPL-CANNOT-WRITE, and what it did not take is not counted', async () => {
  const fake = await bench.gateway();
  let writes = 0;
  const load = await bench.start([fake], {
    durationMs: 30_000,
    openFile: async () => ({
      write: async () => {
        writes += 1;
        if (writes > 3) throw new Error('no space left on device');
      },
      sync: async () => undefined,
      close: async () => undefined,
    }),
  });
  await expect(load.ended).rejects.toMatchObject({ code: 'UPL-CANNOT-WRITE' });
  const counted = load.stats().acknowledged;
  await expect(load.stop()).rejects.toMatchObject({ code: 'UPL-CANNOT-WRITE', exit: 74 });
  expect(counted).toBeLessThan(fake.logs.flat().length);
  expect(load.stats().acknowledged).toBe(counted);
});

test('an acknowledged operation that is not visible yet is read again until it is', async () => {
  const fake = await bench.gateway({ invisibleLooks: 2 });
  const load = await bench.start([fake], { ratePerS: 10, readShare: 1 });
  await load.ended;
  await load.stop();
  const { reads } = await bench.history();
  for (const [, own] of Map.groupBy(reads, (read) => read.event)) {
    expect(own.filter(({ what }) => what === 'operation').map(({ seen }) => seen)).toEqual([
      'notFound',
      'notFound',
      'accepted',
      'accepted',
    ]);
  }
});

test('an outage shows second by second while the load runs', async () => {
  let down = false;
  const answer = (): Answer => (down ? { kind: 'hang' } : { kind: 'accept' });
  const load = await bench.start([await bench.gateway({ answer })], {
    durationMs: 60_000,
    attemptTimeoutMs: 300,
    maxAttempts: 1,
    ratePerS: 100,
  });
  await waitFor(async () => load.stats().acknowledged > 50, { what: 'acknowledgements', timeoutMs: 20_000 });
  await load.settle();
  down = true;
  const downUs = load.atUs(systemClock.monoNs());
  await waitFor(async () => load.nowUs() > downUs + 1_500_000, {
    what: 'an outage of 1.5 s',
    timeoutMs: 20_000,
  });
  down = false;
  const upUs = load.nowUs();
  await waitFor(async () => load.acksBetween(upUs, load.nowUs()) > 20, {
    what: 'acknowledgements after it',
    timeoutMs: 20_000,
  });
  expect(load.acksBetween(downUs + 50_000, upUs)).toBe(0);
  expect(load.acksBetween(0, downUs)).toBeGreaterThan(50);
  expect(load.timeline().some((row) => row.info > 50)).toBe(true);
  await load.stop();
}, 60_000);
