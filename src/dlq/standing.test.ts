import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DlqFacts } from './facts.ts';
import { letterKey } from './letters.ts';
import { judgeLetters } from './standing.ts';
import { summarize } from './summary.ts';
import { CLOCK_MARGIN_MS } from './target-scan.ts';
import {
  append,
  emptyTopics,
  letterOf,
  lived,
  look,
  PARTITIONS,
  park,
  replay,
  type Topics,
} from './testing/topics.ts';

const standings = (facts: DlqFacts): string[] =>
  judgeLetters(facts).map(
    ({ seen, standing, reason }) =>
      `${seen.partition}/${seen.offset} ${standing}${reason === null ? '' : `: ${reason}`}`,
  );

/** Three events and room for replays behind them. */
function started(): Topics {
  const topics = emptyTopics();
  for (const log of topics.target)
    for (let at = 0; at < 3; at += 1) append(log, { timestampMs: 900_000 + at, key: `k${at}` });
  return topics;
}

const cuts = fc.array(fc.nat(30), { minLength: 4, maxLength: 4 });
const histories = fc.array(
  fc.record({
    partition: fc.nat(PARTITIONS - 1),
    what: fc.constantFrom('event' as const, 'park' as const, 'replay' as const, 'copy' as const),
    pick: fc.nat(30),
    afterMs: fc.oneof(fc.nat(2_000), fc.nat(CLOCK_MARGIN_MS)),
    skewMs: fc.integer({ min: -CLOCK_MARGIN_MS / 2, max: CLOCK_MARGIN_MS / 2 }),
  }),
  { minLength: 5, maxLength: 40 },
);

describe('what became of a dead letter', () => {
  it('tells waiting, replayed, come back, copies and strangers apart', () => {
    const topics = started();
    park(topics, letterOf(0, 0));
    park(topics, letterOf(0, 0));
    park(topics, letterOf(0, 1));
    replay(topics, letterOf(0, 1), 'r1', 1_100_000);
    park(topics, letterOf(0, 2));
    replay(topics, letterOf(0, 2), 'r1', 1_100_000);
    park(topics, letterOf(0, 2, { attempt: 2, failedAtMs: 1_200_000 }));
    append(topics.dlq[1] ?? [], { timestampMs: 1_000_000 });
    expect(standings(look(topics))).toEqual([
      '0/0 waiting',
      '0/1 copy',
      '0/2 replayed',
      '0/3 replayed: came back as attempt 2',
      '0/4 waiting',
      '1/0 refused: no error metadata',
    ]);
  });

  it('a replay whose record is gone is proved by the attempt that came back', () => {
    const topics = started();
    park(topics, letterOf(0, 2));
    park(topics, letterOf(0, 2, { attempt: 2 }));
    expect(standings(look(topics))).toEqual(['0/0 replayed: came back as attempt 2', '0/1 waiting']);
  });

  it('refuses what cannot go back, and says why', () => {
    const topics = started();
    park(topics, letterOf(0, 0, { origin: { ...letterOf(0, 0).origin, topic: 'payments' } }));
    park(topics, letterOf(0, 0, { origin: { ...letterOf(0, 0).origin, topicId: 'another' } }));
    park(topics, letterOf(0, 1), { headers: [[Buffer.from('x'), null]] });
    park(topics, letterOf(0, 2), { value: 'v'.repeat(2_000) });
    park(topics, letterOf(1, 0), { value: 'one' });
    park(topics, letterOf(1, 0), { value: 'two' });
    const reasons = standings(look(topics, { maxMessageBytes: 1_500 }));
    expect(reasons).toEqual([
      '0/0 refused: comes from payments, and orders.dlq belongs to orders',
      '0/1 refused: orders was made again since (another topic id)',
      expect.stringMatching(
        /^0\/2 refused: These record headers cannot be carried unchanged: "x" has a null value/,
      ),
      expect.stringMatching(
        /^0\/3 refused: too large: up to 2,\d{3} bytes with the headers of a replay, orders takes 1,500$/,
      ),
      '1/0 refused: its copies differ from each other',
      '1/1 copy',
    ]);
    expect(standings(look(topics, { target: false }))[4]).toBe(
      '1/0 refused: its copies differ from each other',
    );
    expect(standings(look(topics, { target: false }))[3]).toBe('0/3 refused: orders is not in the cluster');
  });

  it('cannot tell where the log is compacted, cut, or was not read to its end', () => {
    const topics = started();
    for (let at = 0; at < 20; at += 1) append(topics.target[0] ?? [], { timestampMs: 5_000_000 + at });
    park(topics, letterOf(0, 0));
    expect(standings(look(topics))).toEqual(['0/0 waiting']);
    expect(standings(look(topics, { compacted: true }))[0]).toMatch(/^0\/0 cannotTell: orders is compacted/);
    expect(standings(look(topics, { unreadTarget: [0] }))[0]).toMatch(
      /cannotTell: orders\/0 was not read to its end/,
    );
    topics.targetStart[0] = 5;
    expect(standings(look(topics))[0]).toMatch(/cannotTell: orders\/0 begins at 5, after it failed/);
    topics.targetStart[0] = 23;
    expect(standings(look(topics))[0]).toMatch(/cannotTell: orders\/0 begins at 23/);
  });

  it('never calls a letter waiting whose replay was ever written, wherever retention has cut the logs', () => {
    fc.assert(
      fc.property(histories, cuts, (steps, [target0, target1, dlq0, dlq1]) => {
        const { topics, sent, nowMs } = lived(steps);
        const least = (cut: number | undefined, log: readonly unknown[] | undefined): number =>
          Math.min(cut ?? 0, log?.length ?? 0);
        topics.targetStart.splice(0, 2, least(target0, topics.target[0]), least(target1, topics.target[1]));
        topics.dlqStart.splice(0, 2, least(dlq0, topics.dlq[0]), least(dlq1, topics.dlq[1]));
        const judged = judgeLetters(look(topics, { nowMs }));
        const letters = judged.filter(({ standing }) => standing !== 'copy');
        for (const { seen, standing } of letters) {
          const wasSent = seen.letter !== null && sent.has(letterKey(seen.letter));
          if (standing === 'waiting') expect(wasSent).toBe(false);
          if (standing === 'replayed') expect(wasSent).toBe(true);
        }
        // Every letter is judged once.
        const distinct = new Set(
          judged.flatMap(({ seen }) => (seen.letter === null ? [] : letterKey(seen.letter))),
        );
        expect(letters).toHaveLength(distinct.size);
      }),
      { numRuns: 1_000 },
    );
  });

  it('says which keys have later events, and does not count replays as such', () => {
    const topics = started();
    park(topics, letterOf(0, 0), { key: 'k0' });
    park(topics, letterOf(0, 1), { key: 'k1' });
    append(topics.target[0] ?? [], { key: 'k1', timestampMs: 1_100_000 });
    replay(topics, { ...letterOf(0, 0), attempt: 0 }, 'r', 1_100_000);
    expect(judgeLetters(look(topics)).map(({ newerEvents }) => newerEvents)).toEqual([false, true]);
  });
});

describe('the line of a dead letter topic', () => {
  it('counts each letter once, copies apart, and the age and time left of what is not replayed', () => {
    const topics = started();
    park(topics, letterOf(0, 0, { failedAtMs: 500_000 }));
    replay(topics, letterOf(0, 0), 'r1', 1_000_000);
    park(topics, letterOf(0, 1, { failedAtMs: 1_500_000, errorCode: 'parse' }));
    park(topics, letterOf(0, 1, { failedAtMs: 1_500_000, errorCode: 'parse' }));
    append(topics.dlq[1] ?? [], { timestampMs: 1_600_000 });
    expect(summarize(look(topics, { nowMs: 2_000_000, retentionMs: 600_000 }))).toMatchObject({
      letters: 3,
      copies: 1,
      replayed: 1,
      waiting: 1,
      refused: 1,
      oldestAgeMs: 500_000,
      expiresInMs: 100_000,
      errors: [
        { code: 'constraint', count: 1 },
        { code: null, count: 1 },
        { code: 'parse', count: 1 },
      ],
    });
    expect(summarize(look(topics, { retentionMs: null })).expiresInMs).toBeNull();
  });
});
