import Fastify from 'fastify';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ServiceDatabase, startServiceDatabase } from '../../../test/support/service-database.ts';
import type { OutRecord } from '../../clients/kafka/ports.ts';
import type { Sql } from '../../clients/postgres/index.ts';
import { TOPICS } from '../../contract/records.ts';
import { reliabilityStatusSchema } from '../../contract/reliability.ts';
import { UpliftError } from '../../core/error.ts';
import { parseEnv } from '../env.ts';
import { encodeEntry } from '../gateway/claim-entry.ts';
import { RareEvents } from '../gateway/rare-events.ts';
import { Reporter } from '../reports/reporter.ts';
import { forgetReports, readReports } from '../reports/store.ts';
import { SWEEP_RULES } from '../sweeper/plan.ts';
import { type SweepDeps, sweepOnce } from '../sweeper/sweep.ts';
import { createUnknownMetrics } from '../unknown/metrics.ts';
import { keepUnknown, takeDue } from '../unknown/store.ts';
import { idOf, someOutcome, TOPIC_ID } from '../unknown/testing/outcomes.ts';
import { addReliability } from './index.ts';
import { PATHS } from './page.ts';
import { Retry } from './retry.ts';

const log = pino({ level: 'silent' });
let database: ServiceDatabase;
let direct: Sql;
let sql: Sql;

beforeAll(async () => {
  database = await startServiceDatabase('uplift-reliability');
  ({ direct, sql } = database);
});

afterAll(() => database?.stop());

beforeEach(async () => {
  await direct.query(
    `TRUNCATE uplift_service.operations, uplift_service.unknown_outcomes, uplift_service.idempotency_claims,
     uplift_service.dead_letters, uplift_service.offsets, uplift_service.process_reports`,
  );
});

/** A sweeper over a log in an array; `failing`: Kafka takes nothing. */
function sweeper() {
  const sent: { readonly topic: string; readonly record: OutRecord }[] = [];
  const control = { failing: false, aheadMs: 0 };
  const deps: SweepDeps = {
    sql,
    append: {
      append: async (topic, partition, record) => {
        if (control.failing && topic === TOPICS.commands)
          throw new UpliftError('UPL-KAFKA-PRODUCE', { message: 'deadline' });
        sent.push({ topic, record });
        return { partition, offset: BigInt(sent.length - 1) };
      },
    },
    rules: SWEEP_RULES,
    batch: 50,
    commandsTopicId: () => TOPIC_ID,
    nowMs: () => Date.now() + control.aheadMs,
    random: () => 0.5,
    metrics: createUnknownMetrics(new Registry()),
    log,
    instance: 'sweeper-test',
  };
  return { sent, control, deps };
}

const makeDue = () => direct.query('UPDATE uplift_service.unknown_outcomes SET due_at = now()');
const setEntries = (set: string, n: number) =>
  direct.query(`UPDATE uplift_service.unknown_outcomes SET ${set} WHERE event_id = $1`, [idOf(n)]);
const decide = (n: number) =>
  direct.query(
    `INSERT INTO uplift_service.operations (tenant, event_id, decision, command_partition, command_offset, event_offset)
     VALUES ('t', $1, 'accepted', 0, 0, 0)`,
    [idOf(n)],
  );
const stored = async (n: number) =>
  (
    await direct.query(
      `SELECT outcome, attempts, entry, due_at <= now() AS due, given_up_for, encode(record_value, 'base64') AS value
       FROM uplift_service.unknown_outcomes WHERE event_id = $1`,
      [idOf(n)],
    )
  ).rows[0];

/** Tries of the sweeper until none is left; nothing is sent. */
async function giveUp(n: number): Promise<ReturnType<typeof sweeper>> {
  const own = sweeper();
  own.control.failing = true;
  await keepUnknown(sql, someOutcome(n));
  for (let round = 0; round <= SWEEP_RULES.maxAttempts; round += 1) {
    await makeDue();
    await sweepOnce(own.deps);
  }
  expect(await stored(n)).toMatchObject({ outcome: 'deadLettered', given_up_for: 'unknown-not-appended' });
  own.control.failing = false;
  own.sent.length = 0;
  return own;
}

async function ask(path: string, headers: Record<string, string> = {}) {
  const app = Fastify();
  const settings = parseEnv({});
  await addReliability(app, { sql, settings, metrics: { registry: new Registry() } });
  try {
    return await app.inject({ url: path, headers: { host: 'localhost', ...headers } });
  } finally {
    await app.close();
  }
}

const status = async () => reliabilityStatusSchema.parse((await ask(PATHS.status)).json());

describe('the status of an empty database', () => {
  test('is unknown: that nothing is there is no proof that all is well', async () => {
    const { verdict, reasons, unknownOutcomes, deadLetters } = await status();
    expect(verdict).toBe('unknown');
    expect(reasons.map(({ about }) => about)).toEqual(['sweeper', 'idempotency', 'projection']);
    expect(unknownOutcomes).toMatchObject({ state: 'known', waiting: 0, givenUp: 0, notKept: null });
    expect(deadLetters).toMatchObject({ state: 'known', parked: 0, oldestAt: null, byReason: [] });
  });
});

describe('unknown outcomes', () => {
  test('are counted by how they stand, with the oldest, the next and the overdue', async () => {
    for (const n of [1, 2, 3, 4]) await keepUnknown(sql, someOutcome(n));
    await setEntries(
      `stored_at = now() - interval '90 s', due_at = now() - interval '20 s', attempts = 4`,
      1,
    );
    await setEntries(`appended_offset = 7, due_at = now() + interval '8 s'`, 2);
    await setEntries(`not_after_ms = 0`, 3);
    await setEntries(
      `outcome = 'deadLettered', given_up_for = 'unknown-topic-replaced', settled_at = now()`,
      4,
    );
    const { unknownOutcomes, verdict } = await status();
    if (unknownOutcomes.state !== 'known') throw new Error(unknownOutcomes.reason);
    expect(verdict).toBe('attention');
    expect(unknownOutcomes).toMatchObject({
      waiting: 3,
      inLog: 1,
      mostAttempts: 4,
      givenUp: 1,
      givenUpBy: [{ reason: 'unknown-topic-replaced', count: 1 }],
      retryable: 2,
    });
    expect(unknownOutcomes.due).toBeGreaterThanOrEqual(1);
    expect(unknownOutcomes.longestOverdueMs).toBeGreaterThanOrEqual(20_000);
    expect(unknownOutcomes.operations[0]).toMatchObject({
      operationId: idOf(1),
      standing: 'waiting',
      attempts: 4,
    });
    expect(unknownOutcomes.operations).toHaveLength(4);
    await decide(4);
    expect((await status()).unknownOutcomes).toMatchObject({ givenUp: 0, givenUpBy: [] });
  });

  test('of all tenants are shown without tenant, resource or payload', async () => {
    await keepUnknown(sql, someOutcome(1, { tenant: 'secret-tenant', payload: 'secret-hash' }));
    for (const [path, accept] of [
      [PATHS.status, '*/*'],
      [PATHS.dashboard, 'text/html'],
      [PATHS.retry, 'text/html'],
      [PATHS.retry, '*/*'],
    ] as const) {
      const { body } = await ask(path, { accept });
      expect(body).toContain(path === PATHS.retry ? '' : idOf(1));
      expect(body).not.toMatch(/secret|room/);
    }
  });
});

describe('claims, dead letters and positions', () => {
  test('are counted from what Postgres holds', async () => {
    const claims = [{ u: Date.now() + 60_000 }, { u: 1 }, { t: 'token' }, { t: 'token' }, {}];
    for (const [n, over] of claims.entries())
      await direct.query(
        `INSERT INTO uplift_service.idempotency_claims VALUES ('t', $1, $2, now() + interval '1 hour')`,
        [idOf(n), encodeEntry({ p: 'hash', r: 'id', ...over })],
      );
    await direct.query(
      `INSERT INTO uplift_service.dead_letters (topic, topic_id, partition, event_offset, tenant, error_code, attempts,
         reservation_id, outcome)
       SELECT 'e', 'id', 0, n, 't', CASE WHEN n < 2 THEN 'schema-unknown' ELSE 'behind-a-dead-letter' END, 1,
         'r-' || n / 2, CASE WHEN n = 9 THEN 'applied' ELSE 'parked' END FROM generate_series(0, 9) n`,
    );
    await direct.query(
      `INSERT INTO uplift_service.offsets (topic, topic_id, partition, next_offset, log_time_ms)
       SELECT $1, 'id', n, 5, 1000 * n FROM generate_series(0, 2) n`,
      [TOPICS.events],
    );
    const { idempotency, deadLetters, projection } = await status();
    expect(idempotency).toMatchObject({
      heldInPostgres: { running: 1, finished: 2, released: 2, isAtLeast: false },
    });
    expect(deadLetters).toMatchObject({
      parked: 9,
      byReason: [
        { reason: 'behind-a-dead-letter', count: 7 },
        { reason: 'schema-unknown', count: 2 },
      ],
      reservationsBehind: 4,
    });
    expect(projection).toMatchObject({
      ...{ partitions: 3, covered: 0, lagRecords: null, lagSeconds: null },
      decidedThroughAt: '1970-01-01T00:00:02.000Z',
    });
  });
});

describe('what processes say of themselves', () => {
  test('stands in Postgres while they live and after they died, and is forgotten in time', async () => {
    const rare = new RareEvents();
    rare.crossed.add();
    const probes = () => [{ name: 'kafka', ok: true, detail: 'ok', ageMs: 0 }];
    const gateway = new Reporter({
      ...{ sql, role: 'gateway', instance: 'g-1', log, probes },
      report: () => rare.report('redis', { count: 2, oldestMs: 80 }),
    });
    const own = new Reporter({
      ...{ sql, role: 'sweeper', instance: 's-1', log, probes, everyMs: 20 },
      report: () => ({ sweptAgoMs: 10, lastWork: null }),
    });
    gateway.start();
    own.start();
    await expect.poll(async () => (await readReports(sql)).length).toBe(2);
    const { idempotency, sweeper: sweepers } = await status();
    await Promise.all([gateway.stop(), own.stop()]);
    expect(idempotency).toMatchObject({ gateways: { redis: 1 }, running: 2, crossed: 1 });
    expect(sweepers).toMatchObject({ working: 1, instances: [{ instance: 's-1', standing: 'working' }] });
    await direct.query(`UPDATE uplift_service.process_reports SET heard_at = now() - interval '1 minute'`);
    const later = await status();
    expect(later.sweeper).toMatchObject({ working: 0, instances: [{ standing: 'silent' }] });
    expect(later.idempotency).toMatchObject({ gateways: { redis: 0 }, running: 0, crossed: 1 });
    expect([await forgetReports(sql, 120_000), await forgetReports(sql, 1000)]).toEqual([0, 2]);
  });
});

describe('a retry', () => {
  test('of what was given up sends the same bytes under the same event id, once it is confirmed', async () => {
    const { sent, deps } = await giveUp(1);
    const before = await stored(1);
    const retry = new Retry(sql);
    const { token, retries } = await retry.plan();
    expect([retries, await stored(1)]).toEqual([
      [{ operationId: idOf(1), does: 'sendAgain', attempts: 10 }],
      before,
    ]);
    const confirmed = await retry.confirm(token);
    expect(confirmed).toMatchObject({ result: { due: [{ operationId: idOf(1) }], refused: [] } });
    expect(await stored(1)).toMatchObject({ outcome: 'open', due: true, attempts: 0, value: before?.value });
    expect(await sweepOnce(deps)).toMatchObject({ taken: 1, sent: 1 });
    const { record } = someOutcome(1);
    expect(
      sent.map(({ topic, record: { key, value, headers } }) => ({ topic, key, value, headers })),
    ).toEqual([{ topic: TOPICS.commands, ...record }]);
    expect(await retry.confirm(token)).toEqual({ ...confirmed, again: true });
    expect(await sweepOnce(deps)).toMatchObject({ taken: 0 });
  });

  test('past notAfter is refused when it is planned, and also when its time went by before it was confirmed', async () => {
    await giveUp(1);
    const retry = new Retry(sql);
    const { token } = await retry.plan();
    await setEntries(`not_after_ms = (extract(epoch from now()) * 1000)::bigint + 5000`, 1);
    const refused = [{ operationId: idOf(1), reason: expect.stringContaining('its time is over') }];
    expect(await retry.plan()).toMatchObject({ retries: [], refused });
    expect(await retry.confirm(token)).toMatchObject({ result: { due: [], refused } });
    expect(await stored(1)).toMatchObject({ outcome: 'deadLettered' });
  });

  test('does nothing to what was decided, or got newer bytes, between plan and confirmation', async () => {
    await giveUp(1);
    await keepUnknown(sql, someOutcome(2));
    const retry = new Retry(sql);
    const { token, retries } = await retry.plan();
    expect(retries).toHaveLength(2);
    await decide(1);
    await keepUnknown(sql, someOutcome(2, { notAfterMs: Date.now() + 200_000 }));
    const { result } = (await retry.confirm(token)) as Extract<
      Awaited<ReturnType<Retry['confirm']>>,
      { kind: 'done' }
    >;
    expect(result.due).toEqual([]);
    expect(result.refused).toEqual([
      { operationId: idOf(1), reason: expect.stringContaining('decided') },
      { operationId: idOf(2), reason: expect.stringContaining('changed meanwhile') },
    ]);
  });

  test('of one that waits does not wait any more; of one that a sweeper holds it sends a repeat at most', async () => {
    await keepUnknown(sql, someOutcome(1));
    await makeDue();
    const [held] = await takeDue(sql, 1, 60_000);
    expect(held?.eventId).toBe(idOf(1));
    const retry = new Retry(sql);
    const { token } = await retry.plan(idOf(1));
    await retry.confirm(token);
    const { sent, deps } = sweeper();
    await sweepOnce(deps);
    expect(sent.map(({ record }) => record.value)).toEqual([someOutcome(1).record.value]);
  });

  test('by two operators at once is done by one of them', async () => {
    await giveUp(1);
    const retries = [new Retry(sql), new Retry(sql)];
    const tokens = await Promise.all(retries.map(async (each) => (await each.plan()).token));
    const answers = await Promise.all(retries.map((each, at) => each.confirm(tokens[at] ?? '')));
    const due = answers.map((each) => (each.kind === 'done' ? each.result.due.length : -1));
    expect(due.toSorted()).toEqual([0, 1]);
  });
});
