import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderText } from '../output/text.ts';
import { BATCH_LETTERS, batchesOf } from './batches.ts';
import type { DlqFacts } from './facts.ts';
import { type PlannedLetter, planReplay, type ReplayPlan, staleReasons } from './plan.ts';
import { readReplayPlan, writeReplayPlan } from './plan-file.ts';
import { presentPlan } from './present-replay.ts';
import { sinceThePlan, whyNotSent } from './replay-partition.ts';
import { dlqSources } from './sources.ts';
import {
  append,
  DLQ_ID,
  emptyTopics,
  letterOf,
  look,
  park,
  replay,
  TARGET_ID,
  type Topics,
} from './testing/topics.ts';

type Planable = DlqFacts & { readonly target: NonNullable<DlqFacts['target']> };
const planOf = (topics: Topics, limit = 1_000, includeCannotTell = false): ReplayPlan =>
  planReplay(look(topics) as Planable, { limit, includeCannotTell });

function parkedAt(...offsets: readonly (readonly [partition: number, offset: number])[]): Topics {
  const topics = emptyTopics();
  for (const log of topics.target)
    for (let at = 0; at < 50; at += 1) append(log, { timestampMs: 900_000 + at });
  for (const [at, [partition, offset]] of offsets.entries())
    park(topics, letterOf(partition, offset, { failedAtMs: 1_000_000 + at }), { value: `v${offset}` });
  return topics;
}

describe('planning a replay', () => {
  it('takes what waits, in the order the events first had, and says what it leaves out and why', () => {
    const topics = parkedAt([1, 9], [0, 7], [0, 3], [0, 5]);
    replay(topics, letterOf(0, 5), 'r', 1_100_000);
    append(topics.dlq[1] ?? [], { timestampMs: 1_000_000 });
    const plan = planOf(topics);
    expect(plan.letters.map(({ partition, offset, origin }) => [partition, offset, origin.offset])).toEqual([
      [0, 1n, 3n],
      [0, 0n, 7n],
      [1, 0n, 9n],
    ]);
    expect(plan).toMatchObject({
      replayedBefore: 1,
      leftOut: 0,
      refused: [{ partition: 1, offset: 1n, reason: 'no error metadata' }],
    });
    const text = renderText({ blocks: presentPlan(plan, { file: 'p.json' }), exit: 0 }, {
      columns: 80,
      colour: false,
      unicode: true,
    } as never);
    expect(text).toMatch(/to replay 3 +replayed before 1 +refused 1 +copies 0 +left out 0/);
    expect(text).toMatch(
      /Plan: 3 to replay, 1 refused\. Nothing was sent\.\nNext: uplift dlq replay p\.json\n$/,
    );
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('that is cut never holds a later event of a partition without the earlier ones', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(fc.nat(1), fc.nat(49)), { maxLength: 30, selector: String }),
        fc.integer({ min: 1, max: 30 }),
        (parked, limit) => {
          const whole = planOf(parkedAt(...parked));
          const cut = planOf(parkedAt(...parked), limit);
          expect(cut.letters.length).toBe(Math.min(limit, parked.length));
          expect(cut.leftOut).toBe(parked.length - cut.letters.length);
          for (const partition of [0, 1]) {
            const of = (plan: ReplayPlan): bigint[] =>
              plan.letters.filter((l) => l.partition === partition).map(({ origin }) => origin.offset);
            expect(of(cut)).toEqual(of(whole).slice(0, of(cut).length));
            expect(of(whole)).toEqual(of(whole).toSorted((a, b) => Number(a - b)));
          }
        },
      ),
    );
  });

  it('takes letters that may have been replayed only when it is told to, and marks them', () => {
    const topics = parkedAt([0, 3]);
    for (let at = 0; at < 60; at += 1) append(topics.target[0] ?? [], { timestampMs: 9_000_000 });
    topics.targetStart[0] = 55;
    expect(planOf(topics)).toMatchObject({
      letters: [],
      refused: [
        { reason: expect.stringMatching(/^cannot tell whether it was replayed: orders\/0 begins at 55/) },
      ],
    });
    expect(planOf(topics, 10, true)).toMatchObject({
      letters: [{ replayedBefore: 'cannot tell' }],
      refused: [],
    });
  });

  it('counts letters that retention takes within the hour', () => {
    const facts = look(parkedAt([0, 3]), { retentionMs: 1_000_000 + 3_599_000 }) as Planable;
    expect(planReplay(facts, { limit: 10, includeCannotTell: false }).expiringSoon).toBe(1);
    const later = look(parkedAt([0, 3]), { retentionMs: 1_000_000 + 3_601_000 }) as Planable;
    expect(planReplay(later, { limit: 10, includeCannotTell: false }).expiringSoon).toBe(0);
  });

  it('comes back from its file as it was, and not at all when somebody changed it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'uplift-plan-'));
    try {
      const file = join(folder, 'p.json');
      const plan = planOf(parkedAt([0, 3], [1, 4]));
      await writeReplayPlan(file, plan);
      expect(await readReplayPlan(file)).toEqual(plan);
      await expect(writeReplayPlan(file, plan)).rejects.toMatchObject({ code: 'UPL-CANNOT-WRITE' });
      await writeFile(file, (await readFile(file, 'utf8')).replace('"attempt": 1', '"attempt": 2'));
      await expect(readReplayPlan(file)).rejects.toMatchObject({
        code: 'UPL-INPUT-INVALID',
        message: expect.stringMatching(/it was changed after it was made/),
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('does not fit another cluster, a topic made again, or another number of partitions', () => {
    const plan = planOf(parkedAt([0, 3]));
    const partition = (at: number) => ({
      partition: at,
      leader: 1,
      leaderEpoch: 0,
      replicas: [1],
      isr: [1],
      offlineReplicas: [],
    });
    const state = (over: { clusterId?: string; id?: string; partitions?: number } = {}) => ({
      clusterId: over.clusterId ?? 'c1',
      brokers: [],
      topics: [
        { name: 'orders.dlq', id: DLQ_ID, internal: false, partitions: [partition(0), partition(1)] },
        {
          name: 'orders',
          id: over.id ?? TARGET_ID,
          internal: false,
          partitions: Array.from({ length: over.partitions ?? 2 }, (_, at) => partition(at)),
        },
      ],
    });
    expect(staleReasons(plan, state())).toEqual([]);
    expect(staleReasons(plan, state({ clusterId: 'c2' }))).toEqual([
      'it was made for cluster c1, this is c2',
    ]);
    expect(staleReasons(plan, state({ id: 'x' }))).toEqual([
      'orders was made again since (another topic id)',
    ]);
    expect(staleReasons(plan, state({ partitions: 3 }))).toEqual(['orders had 2 partitions, now 3']);
    expect(staleReasons(plan, { ...state(), topics: [] })).toHaveLength(2);
  });

  it('does not fit a target log that was cut behind it', () => {
    const plan = planOf(parkedAt([0, 3]));
    const now = (startOffset: bigint) =>
      plan.target.bounds.map(({ partition }) => ({
        topic: 'orders',
        topicId: TARGET_ID,
        partition,
        startOffset,
        endOffset: 80n,
        leaderEpoch: 0,
      }));
    expect(sinceThePlan(plan, plan.letters, now(50n))).toMatchObject([
      { partition: 0, fromOffset: 50n, endOffset: 80n },
    ]);
    expect(() => sinceThePlan(plan, plan.letters, now(51n))).toThrow(
      /orders\/0 no longer reaches back to when the plan was made/,
    );
  });

  it('is not carried out on another record than the one that was reviewed', () => {
    const topics = parkedAt([0, 3]);
    const plan = planOf(topics);
    const [letter] = plan.letters;
    const record = topics.dlq[0]?.[0];
    if (letter === undefined || record === undefined) throw new Error('no letter');
    expect(whyNotSent(plan, letter, record)).toBeNull();
    expect(whyNotSent(plan, letter, undefined)).toBe('is not in orders.dlq any more');
    const other = 'holds something else than was reviewed';
    expect(whyNotSent(plan, letter, { ...record, value: Buffer.from('v4') })).toBe(other);
    expect(whyNotSent(plan, letter, { ...record, value: null })).toBe(other);
    expect(whyNotSent(plan, letter, { ...record, headers: [] })).toBe(other);
    expect(whyNotSent(plan, { ...letter, attempt: 2 }, record)).toBe(other);
  });
});

describe('the sends of a replay', () => {
  it('hold every letter once, in order, one partition each, none larger than the target takes', () => {
    const letter = fc.record({ target: fc.nat(2), bytes: fc.integer({ min: 1, max: 1_000 }) });
    const small = fc.record({ target: fc.constant(0), bytes: fc.integer({ min: 1, max: 4 }) });
    const lists = fc.oneof(
      fc.array(letter, { maxLength: 500 }),
      fc.array(small, { minLength: 150, maxLength: 500 }),
    );
    fc.assert(
      fc.property(lists, fc.integer({ min: 1_000, max: 5_000 }), (list, limit) => {
        const letters = list.map(
          ({ target, bytes }, at) =>
            ({
              partition: 0,
              offset: BigInt(at),
              bytes,
              origin: { partition: target, offset: 0n },
            }) as PlannedLetter,
        );
        const batches = batchesOf(letters, limit);
        expect(batches.flatMap((batch) => batch.letters)).toEqual(letters);
        for (const batch of batches) {
          expect(batch.letters.every(({ origin }) => origin.partition === batch.targetPartition)).toBe(true);
          expect(batch.letters.length).toBeLessThanOrEqual(BATCH_LETTERS);
          expect(batch.letters.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(limit);
        }
      }),
    );
  });
});

describe('the dead letter topics of a region', () => {
  it('are the declared ones, there or not, and those named after a declared topic', () => {
    const desired = ['orders', 'orders.dlq', 'payments', 'stock'].map((name, at) => ({
      name,
      origin: `uplift.yaml:${at}`,
    }));
    expect(dlqSources(desired, new Set(['orders', 'payments', 'payments.dlq', 'else.dlq']))).toEqual([
      { dlq: 'orders.dlq', target: 'orders', origin: 'uplift.yaml:1', exists: false },
      { dlq: 'payments.dlq', target: 'payments', origin: null, exists: true },
    ]);
  });
});
