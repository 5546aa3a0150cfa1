import { describe, expect, it } from 'vitest';
import { inTurns, type Unread } from './fold.ts';
import { judgeConsumer, worstLagFirst } from './judge.ts';
import type { ConsumerFacts, PartitionFacts } from './types.ts';

const NOW = 1_000_000;
const options = { toleranceMs: 10_000, stalledAfterMs: 6000 };

const partition = (over: Partial<PartitionFacts>): PartitionFacts => ({
  topic: 't',
  partition: 0,
  committed: 10n,
  start: 0n,
  end: 10n,
  stable: null,
  before: { committed: 10n, end: 10n },
  oldest: null,
  trouble: null,
  ...over,
});
const consumer = (over: Partial<ConsumerFacts>): ConsumerFacts => ({
  kind: 'group',
  name: 'g',
  groupState: 'Stable',
  atMs: NOW,
  windowMs: 2000,
  trouble: null,
  partitions: [partition({})],
  ...over,
});
const old = (ageMs: number): PartitionFacts['oldest'] => ({ told: true, value: NOW - ageMs });

describe('pace', () => {
  it('counts what came and what went a second, and how long the slowest partition still takes', () => {
    const partitions = [
      partition({ committed: 400n, end: 500n, before: { committed: 100n, end: 480n }, oldest: old(60_000) }),
      partition({
        partition: 1,
        committed: 30n,
        end: 100n,
        before: { committed: 20n, end: 100n },
        oldest: old(20_000),
      }),
    ];
    expect(judgeConsumer(consumer({ partitions }), options)).toMatchObject({
      state: 'draining',
      records: 170,
      behindMs: 60_000,
      producedPerS: 10,
      consumedPerS: 155,
      // 70 records at 5 a second; the other one would be through in 0.7 s.
      drainedInMs: 14_000,
    });
  });

  it('has no time to be through while one partition does not get there', () => {
    const partitions = [
      partition({ committed: 9n, before: { committed: 5n, end: 10n }, oldest: old(20_000) }),
      partition({ partition: 1, committed: 5n, before: { committed: 5n, end: 10n }, oldest: old(20_000) }),
    ];
    expect(judgeConsumer(consumer({ partitions }), options).drainedInMs).toBeNull();
  });
});

describe('a partition that stands still', () => {
  it('is stalled only after the patience, and only when something was there to consume from the first look on', () => {
    const stands = partition({ committed: 4n, before: { committed: 4n, end: 9n }, oldest: old(20_000) });
    expect(judgeConsumer(consumer({ partitions: [stands] }), options).state).toBe('growing');
    expect(judgeConsumer(consumer({ partitions: [stands], windowMs: 6000 }), options).state).toBe('stalled');
    const wasIdle = { ...stands, before: { committed: 4n, end: 4n } };
    expect(judgeConsumer(consumer({ partitions: [wasIdle], windowMs: 6000 }), options).state).toBe('growing');
  });

  it('makes its group stalled, however many others move', () => {
    const moves = (at: number): PartitionFacts =>
      partition({ partition: at, committed: 9n, before: { committed: 2n, end: 9n }, oldest: old(15_000) });
    const stands = partition({ committed: 4n, before: { committed: 4n, end: 10n }, oldest: old(20_000) });
    const lag = judgeConsumer(
      consumer({ windowMs: 6000, partitions: [moves(1), moves(2), stands] }),
      options,
    );
    expect(lag.state).toBe('stalled');
    expect(lag.partitions.map(({ state }) => state)).toEqual(['stalled', 'behind', 'behind']);
  });
});

describe('a clock that is ahead', () => {
  it('makes no negative age', () => {
    const partitions = [partition({ committed: 4n, oldest: old(-5000) })];
    expect(judgeConsumer(consumer({ partitions }), options)).toMatchObject({ state: 'ok', behindMs: 0 });
  });
});

describe('the order of consumers', () => {
  it('has the worst state first, then the oldest, then the most records', () => {
    const lags = [
      consumer({ name: 'idle' }),
      consumer({ name: 'away', trouble: { state: 'noAnswer', reason: 'x' }, partitions: [] }),
      consumer({ name: 'ok', partitions: [partition({ committed: 8n, oldest: old(10) })] }),
      consumer({ name: 'ok older', partitions: [partition({ committed: 8n, oldest: old(900) })] }),
      consumer({ name: 'robbed', partitions: [partition({ committed: 3n, start: 10n })] }),
      consumer({ name: 'new', partitions: [] }),
    ].map((one) => judgeConsumer(one, options));
    expect(lags.toSorted(worstLagFirst).map(({ name }) => name)).toEqual([
      'robbed',
      'away',
      'ok older',
      'ok',
      'idle',
      'new',
    ]);
  });
});

describe('the choice of records to read', () => {
  it('goes in turns over the consumers, and reads what two of them share once', () => {
    const at = (topic: string, offset: number): Unread => ({
      topic,
      partition: 0,
      offset: BigInt(offset),
      records: 1n,
    });
    const large = [at('a', 1), at('b', 1), at('c', 1)];
    expect(inTurns([large, [at('a', 1)], [at('z', 9)]], 3).map(({ topic }) => topic)).toEqual([
      'a',
      'z',
      'b',
    ]);
  });
});
