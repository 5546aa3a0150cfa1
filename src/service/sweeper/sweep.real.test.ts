import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ServiceDatabase, startServiceDatabase } from '../../../test/support/service-database.ts';
import type { OutRecord } from '../../clients/kafka/ports.ts';
import type { Sql } from '../../clients/postgres/index.ts';
import { dlqOf, originalHeaders, readDeadLetter, UNKNOWN_ORIGIN_TOPIC } from '../../contract/dead-letter.ts';
import { VIEWS } from '../../contract/projection.ts';
import { TOPICS } from '../../contract/records.ts';
import { UpliftError } from '../../core/error.ts';
import { createUnknownMetrics } from '../unknown/metrics.ts';
import { countOpen, forgetSettled, keepUnknown, takeDue } from '../unknown/store.ts';
import { idOf, someOutcome, TOPIC_ID } from '../unknown/testing/outcomes.ts';
import { keepHouse } from './housekeeping.ts';
import { SWEEP_RULES } from './plan.ts';
import { type SweepDeps, sweepOnce } from './sweep.ts';

let database: ServiceDatabase;
let direct: Sql;
let sql: Sql;

beforeAll(async () => {
  database = await startServiceDatabase('uplift-sweeper');
  ({ direct, sql } = database);
});

afterAll(() => database?.stop());

beforeEach(async () => {
  await direct.query(
    'TRUNCATE uplift_service.operations, uplift_service.unknown_outcomes, uplift_service.idempotency_claims',
  );
});

/** A log in an array, and a clock that the test moves. */
function setUp(over: Partial<SweepDeps> = {}) {
  const log: { topic: string; partition: number; record: OutRecord }[] = [];
  const control = { failing: false, aheadMs: 0 };
  const metrics = createUnknownMetrics(new Registry());
  const deps: SweepDeps = {
    sql,
    append: {
      append: async (topic, partition, record) => {
        if (control.failing) throw new UpliftError('UPL-KAFKA-PRODUCE', { message: 'deadline' });
        log.push({ topic, partition, record });
        return { partition, offset: BigInt(log.length - 1) };
      },
    },
    rules: SWEEP_RULES,
    batch: 10,
    commandsTopicId: () => TOPIC_ID,
    nowMs: () => Date.now() + control.aheadMs,
    random: () => 0.5,
    metrics,
    log: pino({ level: 'silent' }),
    instance: 'sweeper-test',
    ...over,
  };
  return { log, control, deps, metrics };
}

/** An append takes a moment, as it does in life: in it others look for entries too. */
function slowSetUp() {
  const quick = setUp();
  const append: SweepDeps['append'] = {
    append: (...args) => delay(20).then(() => quick.deps.append.append(...args)),
  };
  return { ...quick, deps: { ...quick.deps, append } };
}

const makeDue = () => direct.query('UPDATE uplift_service.unknown_outcomes SET due_at = now()');
const decide = (n: number) =>
  direct.query(
    `INSERT INTO uplift_service.operations (tenant, event_id, decision, command_partition, command_offset, event_offset)
     VALUES ('t', $1, 'accepted', 0, 0, 0)`,
    [idOf(n)],
  );
const outcomes = async (): Promise<Record<string, number>> => {
  const { rows } = await sql.query<{ outcome: string; entries: bigint }>(
    `SELECT outcome, entries FROM ${VIEWS.unknownOutcomes}`,
  );
  return Object.fromEntries(rows.map((row) => [row.outcome, Number(row.entries)]));
};

describe('an entry', () => {
  test('is given a moment first, then sent again byte for byte, and ends when the projection shows it', async () => {
    const { log, deps } = setUp();
    const kept = someOutcome(1);
    await keepUnknown(sql, kept);
    expect((await sweepOnce(deps)).taken).toBe(0);
    await makeDue();
    expect((await sweepOnce(deps)).taken).toBe(1);
    expect(log).toEqual([{ topic: TOPICS.commands, partition: 1, record: kept.record }]);
    await makeDue();
    await sweepOnce(deps);
    expect(log).toHaveLength(1);
    expect(await outcomes()).toEqual({ open: 1 });
    await decide(1);
    await makeDue();
    await sweepOnce(deps);
    expect([await outcomes(), log.length]).toEqual([{ decided: 1 }, 1]);
  });

  test('that the projection shows already is not sent at all', async () => {
    const { log, deps } = setUp();
    await keepUnknown(sql, someOutcome(1));
    await decide(1);
    await makeDue();
    await sweepOnce(deps);
    expect([await outcomes(), log]).toEqual([{ decided: 1 }, []]);
  });

  test('whose appends fail is tried later and later, a bounded number of times, then put aside', async () => {
    const { log, control, deps, metrics } = setUp();
    const kept = someOutcome(1);
    await keepUnknown(sql, kept);
    control.failing = true;
    for (let round = 0; round < SWEEP_RULES.maxAttempts; round += 1) {
      await makeDue();
      expect((await sweepOnce(deps)).taken).toBe(1);
      expect((await sweepOnce(deps)).taken).toBe(0);
    }
    // Kafka is still away: the letter cannot be written, and the entry stays.
    await makeDue();
    await sweepOnce(deps);
    expect(await outcomes()).toEqual({ open: 1 });
    control.failing = false;
    await makeDue();
    await sweepOnce(deps);
    expect(await outcomes()).toEqual({ deadLettered: 1 });
    const [letter] = log;
    expect([log.length, letter?.topic, letter?.partition]).toEqual([1, dlqOf(TOPICS.commands), 1]);
    expect(letter?.record).toMatchObject({ key: kept.record.key, value: kept.record.value });
    expect(originalHeaders(letter?.record.headers ?? [])).toEqual(kept.record.headers);
    expect(readDeadLetter(letter?.record.headers ?? [])).toMatchObject({
      errorCode: 'unknown-not-appended',
      attempt: 1,
      failedBy: 'sweeper-test',
      origin: { topic: UNKNOWN_ORIGIN_TOPIC, topicId: idOf(1), partition: 1, timestampMs: kept.issuedAtMs },
    });
    const { values } = await metrics.deadLetters.get();
    expect(values).toEqual([expect.objectContaining({ value: 1, labels: { code: 'unknown-not-appended' } })]);
  });

  test('whose time is over is not sent again', async () => {
    const { log, control, deps } = setUp();
    await keepUnknown(sql, someOutcome(1));
    control.aheadMs = 116_000;
    await makeDue();
    await sweepOnce(deps);
    expect(log.map(({ topic }) => topic)).toEqual([dlqOf(TOPICS.commands)]);
  });

  test('that becomes unknown again after it was put aside is another entry, with its newest bytes', async () => {
    const { log, control, deps } = setUp();
    await keepUnknown(sql, someOutcome(1));
    control.aheadMs = 116_000;
    await makeDue();
    await sweepOnce(deps);
    control.aheadMs = 0;
    const again = someOutcome(1, { notAfterMs: Date.now() + 200_000 });
    await keepUnknown(sql, again);
    expect(await outcomes()).toEqual({ open: 1 });
    control.aheadMs = 196_000;
    await makeDue();
    await sweepOnce(deps);
    const [first, second] = log.map(({ record }) => readDeadLetter(record.headers)?.origin.offset ?? -1n);
    expect(second).toBeGreaterThan(first ?? 0n);
  });

  test('that got newer bytes while it was under way keeps them', async () => {
    const { log, deps } = setUp();
    await keepUnknown(sql, someOutcome(1));
    await makeDue();
    const newer = someOutcome(1, { partition: 2, notAfterMs: Date.now() + 200_000 });
    const append: SweepDeps['append'] = {
      append: async (...args) => {
        await keepUnknown(sql, newer);
        return deps.append.append(...args);
      },
    };
    await sweepOnce({ ...deps, append });
    await makeDue();
    await sweepOnce(deps);
    expect(log.map(({ partition }) => partition)).toEqual([1, 2]);
  });
});

describe('sweepers side by side', () => {
  test('never take the same entry, and together take all of them', async () => {
    await Promise.all(Array.from({ length: 100 }, (_, n) => keepUnknown(sql, someOutcome(n))));
    await makeDue();
    const sweepers = Array.from({ length: 4 }, () => slowSetUp());
    for (let round = 0; round < 20; round += 1) {
      const taken = await Promise.all(sweepers.map(({ deps }) => sweepOnce(deps)));
      if (taken.every((round) => round.taken === 0)) break;
    }
    const keys = sweepers.flatMap(({ log }) =>
      log.map(({ record }) => record.headers.find(([key]) => key.toString() === 'event-id')?.[1]?.toString()),
    );
    expect(keys).toHaveLength(100);
    expect(new Set(keys).size).toBe(100);
  });

  test('what a sweeper took and never finished comes back when its lease is over', async () => {
    await keepUnknown(sql, someOutcome(1));
    await makeDue();
    expect(await takeDue(sql, 10, 300)).toHaveLength(1);
    expect(await takeDue(sql, 10, 300)).toHaveLength(0);
    await expect.poll(async () => (await takeDue(sql, 10, 300)).length, { timeout: 3000 }).toBe(1);
  });

  test('one that slept past its lease does not unsay that another one got the command into the log', async () => {
    const { deps } = setUp();
    await keepUnknown(sql, someOutcome(1));
    await makeDue();
    const woken: SweepDeps['append'] = {
      append: async () => {
        // While this one slept its lease ran out: another one took the entry, and was answered.
        await makeDue();
        await sweepOnce(deps);
        throw new UpliftError('UPL-KAFKA-PRODUCE', { message: 'deadline' });
      },
    };
    await sweepOnce({ ...deps, append: woken });
    await makeDue();
    expect(await takeDue(sql, 10, 300)).toMatchObject([{ attempts: 1, appendedOffset: 0n }]);
  });
});

describe('housekeeping', () => {
  test('counts what is open, and forgets what was settled long ago', async () => {
    const { metrics, deps } = setUp();
    await Promise.all([1, 2, 3].map((n) => keepUnknown(sql, someOutcome(n))));
    await decide(1);
    await makeDue();
    await sweepOnce(deps);
    await keepHouse(sql, metrics, Date.now() + 5000);
    expect((await metrics.open.get()).values[0]?.value).toBe(2);
    expect((await metrics.oldestMs.get()).values[0]?.value).toBeGreaterThanOrEqual(4900);
    expect(await outcomes()).toEqual({ open: 2, decided: 1 });
    expect(await forgetSettled(sql, 0, 10)).toBe(1);
    expect([await outcomes(), (await countOpen(sql)).entries]).toEqual([{ open: 2 }, 2]);
  });
});
