import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ABOUT, reliabilityStatusSchema } from '../../contract/reliability.ts';
import { judge, verdictOf } from './judge.ts';
import { at, badDay, NOW_MS, statusAt, WELL, withFact, withoutFact } from './testing/facts.ts';

const says = (facts: typeof WELL) =>
  judge(facts, NOW_MS).map(({ about, verdict, says }) => `${about} ${verdict}: ${says}`);

describe('the verdict on reliability', () => {
  test('is ok, without a reason, when every fact was seen and none needs anybody', () => {
    expect(statusAt(WELL)).toMatchObject({ verdict: 'ok', reasons: [] });
  });

  test('is never ok while any fact is not known', () => {
    fc.assert(
      fc.property(fc.subarray([...ABOUT], { minLength: 1 }), (missing) => {
        const facts = missing.reduce((all, about) => withoutFact(about, 'away', all), WELL);
        const reasons = judge(facts, NOW_MS);
        expect(verdictOf(reasons)).toBe('unknown');
        expect(reasons.map(({ about }) => about).toSorted()).toEqual(missing.toSorted());
      }),
    );
  });

  test('needs attention although something else is not known: what is certain is not hidden', () => {
    const facts = withoutFact('sweeper', 'away', withFact('deadLetters', { parked: 1 }));
    expect(statusAt(facts).verdict).toBe('attention');
    expect(says(facts)).toEqual([
      'sweeper unknown: could not be asked: away',
      'deadLetters attention: 1 event parked, to be replayed',
    ]);
  });

  test('of unknown outcomes: young ones are ordinary, old and overdue ones are not', () => {
    const young = { waiting: 3, oldestWaitingSince: at(20_000), longestOverdueMs: 400, due: 1 };
    expect(says(withFact('unknownOutcomes', young))).toEqual([]);
    expect(says(withFact('unknownOutcomes', { ...young, oldestWaitingSince: at(61_000) }))).toHaveLength(1);
    expect(says(withFact('unknownOutcomes', { ...young, longestOverdueMs: 16_000 }))).toEqual([
      'unknownOutcomes attention: 1 operation due and taken by no sweeper',
    ]);
    expect(says(withFact('unknownOutcomes', { givenUp: 1204 }))).toEqual([
      'unknownOutcomes attention: 1,204 operations given up',
    ]);
  });

  test('of what is over: a day of attention, then history', () => {
    const crossed = (agoMs: number) => withFact('idempotency', { crossed: 2, lastCrossedAt: at(agoMs) });
    expect([says(crossed(3_600_000)).length, says(crossed(90_000_000)).length]).toEqual([1, 0]);
    const lost = (agoMs: number) => withFact('unknownOutcomes', { notKept: 2, lastNotKeptAt: at(agoMs) });
    expect([says(lost(3_600_000)).length, says(lost(90_000_000)).length]).toEqual([1, 0]);
  });

  test('of gateways: none heard is unknown, keys in Postgres or nowhere need attention', () => {
    const gateways = (over: object) =>
      says(
        withFact('idempotency', { gateways: { redis: 0, postgres: 0, nowhere: 0, notAsked: 0, ...over } }),
      );
    expect(gateways({})).toEqual([expect.stringContaining('idempotency unknown: no gateway')]);
    expect(gateways({ redis: 1, postgres: 1 })).toEqual([
      expect.stringContaining('attention: 1 of 2 gateways'),
    ]);
    expect(gateways({ nowhere: 2 })).toEqual([expect.stringContaining('refuse all writes')]);
    expect(gateways({ redis: 1, notAsked: 1 })).toEqual([expect.stringContaining('unknown: 1 gateway')]);
  });

  test('of sweepers: one that works is enough, none ever heard is unknown, all silent is not', () => {
    const { sweeper } = WELL;
    const [one] = sweeper.state === 'known' ? sweeper.value.instances : [];
    if (one === undefined) throw new Error('no instance');
    const of = (working: number, ...instances: (typeof one)[]) =>
      says(withFact('sweeper', { working, instances }));
    const silent = { ...one, standing: 'silent' as const };
    expect(of(1, one, silent)).toEqual([]);
    expect(of(0)).toEqual([expect.stringContaining('sweeper unknown')]);
    expect(of(0, silent)).toEqual([expect.stringContaining('all are silent')]);
    expect(of(0, { ...one, standing: 'notReady', notReady: 'kafka: away' })).toEqual([
      expect.stringContaining('sweeper-1: kafka: away'),
    ]);
  });

  test('of the projection: far behind and stopped need attention, a partition without a projector is unknown', () => {
    expect(says(withFact('projection', { lagSeconds: 31, lagRecords: 1204 }))).toEqual([
      'projection attention: 31 s behind, 1,204 events (limit 30 s)',
    ]);
    expect(says(withFact('projection', { stopped: 1 }))).toEqual([
      expect.stringContaining('1 partition stopped'),
    ]);
    expect(says(withFact('projection', { covered: 12, lagSeconds: null, lagRecords: null }))).toEqual([
      'projection unknown: no projector was heard from for 12 of 24 partitions',
    ]);
    expect(says(withFact('projection', { lagSeconds: null, lagRecords: 7 }))).toEqual([
      'projection unknown: how old the events are that wait is not known yet',
    ]);
  });

  test('and the whole status are what the contract says', () => {
    for (const facts of [WELL, badDay('x'), withoutFact('idempotency')])
      expect(reliabilityStatusSchema.parse(statusAt(facts))).toEqual(statusAt(facts));
  });
});
