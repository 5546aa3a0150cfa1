import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Told } from '../clients/kafka/group-ports.ts';
import type { ConsumerLook, Look } from '../facts/groups/look.ts';
import { type Beside, foldConsumer, nextUnread, timeKey } from './fold.ts';
import { judgeConsumer } from './judge.ts';
import { type Model, naively, PATIENCE_MS, TOLERANCE_MS } from './testing/naive.ts';
import { type LagState, STATES } from './types.ts';

const NOW = 1_000_000_000;

const model: fc.Arbitrary<Model> = fc
  .record({
    ages: fc.array(fc.option(fc.integer({ min: 1, max: 30_000 }), { freq: 6 }), { maxLength: 9 }),
    at: fc.array(fc.nat(9), { minLength: 5, maxLength: 5 }),
    leaderAway: fc.boolean().map((yes) => yes),
    ageUntold: fc.boolean(),
    rare: fc.nat(5),
  })
  .map(({ ages, at, leaderAway, ageUntold, rare }) => {
    const end = ages.length;
    const sorted = ages.filter((age) => age !== null).toSorted((a, b) => b - a);
    const ordered = ages.map((age) => (age === null ? null : (sorted.shift() ?? 1)));
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = at.map((one) => Math.min(one, end));
    return {
      ages: ordered,
      start: a,
      endBefore: Math.max(b, a),
      before: Math.min(c, Math.max(b, a)),
      after: rare === 0 ? end + 2 : Math.max(d, Math.min(c, Math.max(b, a))),
      stable: e,
      leaderAway: leaderAway && rare === 1,
      ageUntold: ageUntold && rare === 2,
    };
  });

/** The looks somebody would have taken of these partitions. */
function looksOf(models: readonly Model[], windowMs: number) {
  const consumer = (positions: readonly number[]): ConsumerLook => ({
    kind: 'group',
    name: 'g',
    groupState: 'Stable',
    topic: null,
    positions: {
      told: true,
      value: positions.map((at, partition) => ({ topic: 't', partition, offset: BigInt(at) })),
    },
  });
  const offsets = (pick: (one: Model) => number): Map<string, Told<bigint>> =>
    new Map(
      models.map((one, partition) => [
        `t/${partition}`,
        one.leaderAway
          ? { told: false, reason: 'broker 2: connection refused' }
          : { told: true, value: BigInt(pick(one)) },
      ]),
    );
  const look = (monoMs: number, positions: readonly number[], ends: Look['ends']): Look => ({
    atMs: NOW,
    monoMs,
    consumers: [consumer(positions)],
    ends,
  });
  const times = new Map<string, Told<number | null>>();
  for (const [partition, one] of models.entries()) {
    const from = nextUnread(BigInt(one.after), BigInt(one.start));
    const unread = one.ages.slice(Number(from));
    if (unread.length === 0) continue;
    const age = unread.find((each) => each !== null);
    times.set(
      timeKey(`t/${partition}`, from),
      one.ageUntold
        ? { told: false, reason: 'not read' }
        : { told: true, value: age === undefined ? null : NOW - age },
    );
  }
  const partitions = models.map((_, partition) => ({
    partition,
    leader: 1,
    leaderEpoch: 0,
    replicas: [1],
    isr: [1],
    offlineReplicas: [],
  }));
  const beside: Beside = {
    topics: [{ name: 't', id: 'T', internal: false, partitions }],
    starts: offsets((one) => one.start),
    stable: offsets((one) => one.stable),
    times,
  };
  const first = look(
    0,
    models.map((one) => one.before),
    offsets((one) => one.endBefore),
  );
  const last = look(
    windowMs,
    models.map((one) => one.after),
    offsets((one) => one.ages.length),
  );
  const [seen] = last.consumers;
  if (seen === undefined) throw new Error('no consumer');
  return foldConsumer(first, last, seen, beside);
}

const windows = fc.constantFrom(1000, PATIENCE_MS);
const models = fc.array(model, { minLength: 1, maxLength: 4 });
const options = { toleranceMs: TOLERANCE_MS, stalledAfterMs: PATIENCE_MS };

describe('the judge of lag', () => {
  it('agrees with counting record by record', () => {
    const seen = new Set<LagState>();
    fc.assert(
      fc.property(models, windows, (all, windowMs) => {
        const lag = judgeConsumer(looksOf(all, windowMs), options);
        const naive = naively(all, windowMs);
        seen.add(lag.state);
        expect(lag.state).toBe(naive.state);
        expect(lag.lostRecords).toBe(naive.lost);
        expect(lag.records ?? 0).toBe(naive.records);
        expect(lag.behindIs === 'exact').toBe(naive.complete);
        if (lag.behindMs !== null) expect(lag.behindMs).toBe(naive.behindMs);
        else expect(naive.complete).toBe(false);
      }),
      { numRuns: 3000 },
    );
    // The generator reaches every state but the two that need no partitions.
    expect(STATES.filter((state) => !seen.has(state))).toEqual(['unknown', 'noCommits']);
  });

  it('never says ok or idle of a consumer of which something could not be told', () => {
    fc.assert(
      fc.property(models, windows, (all, windowMs) => {
        const lag = judgeConsumer(looksOf(all, windowMs), options);
        if (lag.state === 'ok' || lag.state === 'idle') {
          expect(lag.behindIs).toBe('exact');
          expect(lag.lostRecords).toBe(0);
          expect(lag.behindMs).toBeLessThanOrEqual(TOLERANCE_MS);
        }
      }),
    );
  });

  it('is never better for more partitions', () => {
    fc.assert(
      fc.property(models, model, windows, (all, more, windowMs) => {
        const rank = (list: readonly Model[]): number =>
          STATES.indexOf(judgeConsumer(looksOf(list, windowMs), options).state);
        // Direction is of the whole consumer: one more partition may turn it.
        const turns = ['growing', 'behind', 'draining'].map((state) => STATES.indexOf(state as LagState));
        const [few, many] = [rank(all), rank([...all, more])];
        if (!turns.includes(few)) expect(many).toBeLessThanOrEqual(few);
      }),
    );
  });
});
