import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { EXIT } from '../core/exit.ts';
import { exitOfLoad } from './present.ts';
import { VERBS } from './stories.ts';
import { type LoadBench, openLoadBench, PARTITIONS } from './testing/bench.ts';
import { type Answer, reservationIdOf, sharedState } from './testing/gateway.ts';

let bench: LoadBench;
beforeAll(async () => {
  bench = await openLoadBench();
});
afterEach(() => bench.closeGateways());
afterAll(() => bench.remove());

const always = (answer: Answer) => (): Answer => answer;

test('a steady load is acknowledged evenly over partitions and gateways, and the history says the same as the service', async () => {
  const state = sharedState(PARTITIONS);
  const fakes = [await bench.gateway({ state }), await bench.gateway({ state })];
  const load = await bench.start(fakes, { readShare: 0.2 });
  await load.ended;
  const summary = await load.stop();
  expect(summary).toMatchObject({
    scheduled: 200,
    sent: 200,
    acknowledged: 200,
    unknown: 0,
    failed: 0,
    shortfall: 0,
    late: 0,
    attempts: 200,
  });
  expect(Math.max(...summary.perPartition) - Math.min(...summary.perPartition)).toBeLessThanOrEqual(1);
  expect(exitOfLoad(summary)).toBe(EXIT.ok);
  const { ops, reads, report } = await bench.history();
  expect(report).toMatchObject({ digest: 'equal', sha256: summary.sha256 });
  expect(report.end?.counts).toMatchObject({ invoke: 200, ok: 200 });
  expect(new Set(ops.map((op) => op.eventId))).toEqual(new Set(state.logs.flat()));
  expect(ops.filter((op) => op.gateway === 'gateway-1')).toHaveLength(100);
  expect(reads.length).toBeGreaterThan(40);
  expect(new Set(reads.map(({ seen }) => seen))).toEqual(new Set(['accepted', 'found']));
  // Once more through the other gateway, with the token of the acknowledgement: the operation and its reservation.
  const acknowledged = new Set(ops.map(({ token }) => token));
  expect(state.tokens.length).toBe(reads.length / 2);
  expect(state.tokens.every((token) => acknowledged.has(token))).toBe(true);
  const stats = load.stats();
  expect(load.acksBetween(0, stats.atUs)).toBe(200);
  expect(load.timeline().reduce((sum, row) => sum + row.ok, 0) + 0).toBeLessThanOrEqual(200);
  for (const op of ops) expect(op.sentUs - op.dueUs).toBeGreaterThanOrEqual(0);
});

test('a stalled service does not slow the schedule down, and its wait shows in every latency', async () => {
  let stalledFrom = 0;
  const answer = (number: number): Answer => {
    if (number === 100) stalledFrom = performance.now();
    const inStallMs = performance.now() - stalledFrom;
    return { kind: 'accept', delayMs: number >= 100 && inStallMs < 500 ? 500 - inStallMs : 0 };
  };
  const fake = await bench.gateway({ answer });
  const load = await bench.start([fake], { durationMs: 1_500 });
  await load.ended;
  const summary = await load.stop();
  expect(summary).toMatchObject({ scheduled: 300, acknowledged: 300 });
  const arrivedInStall = fake.requests.filter(
    ({ atMs }) => atMs >= stalledFrom && atMs < stalledFrom + 500,
  ).length;
  expect(arrivedInStall).toBeGreaterThan(60);
  // 100 of 300 waited between 0 and 500 ms: a closed loop would have shown one of them.
  const slow = (await bench.history()).ops.filter((op) => (op.doneUs ?? 0) - op.dueUs > 200_000).length;
  expect(slow).toBeGreaterThan(40);
  expect(summary.maxMs ?? 0).toBeGreaterThan(400);
});

test('what does not fit in flight is written down as a shortfall, never skipped', async () => {
  const fake = await bench.gateway({ answer: always({ kind: 'accept', delayMs: 300 }) });
  const load = await bench.start([fake], { maxInFlight: 10 });
  await load.ended;
  const summary = await load.stop();
  expect(summary.scheduled).toBe(200);
  expect(summary.sent + summary.shortfall).toBe(200);
  expect(summary.acknowledged).toBe(summary.sent);
  expect(summary.shortfall).toBeGreaterThan(100);
  expect(exitOfLoad(summary)).toBe(EXIT.fail);
  const { ops } = await bench.history();
  expect(
    ops.filter((op) => op.outcome === 'fail' && op.reason === 'notSent (generator saturated)'),
  ).toHaveLength(summary.shortfall);
  expect(ops).toHaveLength(200);
});

const FAST = { ratePerS: 200, durationMs: 2_500, followUpAfterS: { from: 0.5, to: 1 } } as const;

test('what was made is confirmed, changed and cancelled under the id that its operation says, and counted by verb', async () => {
  const fake = await bench.gateway();
  const load = await bench.start([fake], FAST);
  await load.ended;
  const summary = await load.stop();
  expect(summary).toMatchObject({ scheduled: 500, acknowledged: 500, failed: 0 });
  for (const verb of VERBS) expect(summary.perVerb[verb], verb).toBeGreaterThan(10);
  expect(VERBS.reduce((sum, verb) => sum + summary.perVerb[verb], 0)).toBe(500);
  const { ops } = await bench.history();
  const about = ops.filter(({ reservation }) => reservation !== null);
  const made = new Map(ops.map((op) => [reservationIdOf(op.eventId), op]));
  for (const op of about) {
    const maker = made.get(op.reservation ?? '');
    expect(maker).toMatchObject({ reservation: null, outcome: 'ok', partition: op.partition });
    expect(op.sentUs).toBeGreaterThan(maker?.doneUs ?? 0);
  }
  const routes = Map.groupBy(
    fake.requests,
    ({ method, path }) => `${method} ${path.replace(/r-[0-9a-f]+/, ':id')}`,
  );
  expect(new Map([...routes].map(([route, own]) => [route, own.length]))).toEqual(
    new Map([
      ['POST /v1/reservations', summary.perVerb.create + summary.perVerb.hold],
      ['POST /v1/reservations/:id/confirm', summary.perVerb.confirm],
      ['PATCH /v1/reservations/:id', summary.perVerb.change],
      ['DELETE /v1/reservations/:id', summary.perVerb.cancel],
    ]),
  );
});

test('nothing is asked of a reservation whose create has an unknown outcome or is not decided: a hold is asked for instead', async () => {
  const unknown = await bench.gateway({ answer: always({ kind: 'resetAfter' }) });
  const load = await bench.start([unknown], { ...FAST, maxAttempts: 1 });
  await load.ended;
  expect(await load.stop()).toMatchObject({ scheduled: 500, acknowledged: 0, unknown: 500 });
  const undecided = await bench.gateway({ invisibleLooks: 1_000 });
  const late = await bench.start([undecided], FAST);
  await late.ended;
  const { perVerb } = await late.stop();
  expect(perVerb).toMatchObject({ confirm: 0, change: 0, cancel: 0 });
  expect(perVerb.hold).toBeGreaterThan(perVerb.create);
  for (const { requests } of [unknown, undecided])
    expect(requests.every(({ method, path }) => method === 'POST' && path === '/v1/reservations')).toBe(true);
});
