import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startPostgres, type TestPostgres } from '../../../test/support/postgres-server.ts';
import { startRedis, type TestRedis } from '../../../test/support/redis-cluster.ts';
import { openSql, type Sql } from '../../clients/postgres/index.ts';
import { type Bits, openBits } from '../../clients/redis/index.ts';
import { reservationIdOf } from '../../contract/ids.ts';
import { TOPICS } from '../../contract/records.ts';
import { waitFor } from '../../core/wait.ts';
import { SNOWFLAKE_EPOCH_MS } from '../domain/snowflake.ts';
import { migrate } from '../migrate.ts';
import type { Settled } from '../runtime/settle.ts';
import { buildGeneration } from './build.ts';
import { type Generation, placeOf, shardKey } from './filter.ts';
import { bloomWriter, currentGeneration } from './generations.ts';
import { type BloomOutcome, UnknownIds } from './unknown-ids.ts';

const run = promisify(execFile);
const ROWS = 5000;
const SETTLED: Settled = {
  topicId: 'topic',
  ends: new Map([
    [0, 7n],
    [1, 0n],
  ]),
};
let postgres: TestPostgres;
let redis: TestRedis;
let direct: Sql;
let pooled: Sql;
let bits: Bits;

/** Ids of long ago; those from `ROWS` on do not exist. */
const idOf = (n: number): string => reservationIdOf(BigInt(n) << 22n, 'acme/room');

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startPostgres('uplift-bloom'), startRedis('uplift-bloom')]);
  direct = openSql(postgres.direct);
  pooled = openSql(postgres.pooled);
  bits = openBits({ nodes: redis.nodes, timeoutMs: 10_000 });
  await migrate(direct);
  await direct.query(
    `INSERT INTO uplift_service.reservations (reservation_id, tenant, resource, slot_start, slot_end, quantity, status,
       event_id, command_partition, command_offset, changed_offset, version)
     SELECT id, 'acme', 'room', now(), now() + interval '1 hour', 1, 'active', id, 0, 0, 0, 1 FROM unnest($1::text[]) AS id`,
    [Array.from({ length: ROWS }, (_, n) => idOf(n))],
  );
  await waitFor(() => bits.read('any').then(() => true), { what: 'the cluster to answer', timeoutMs: 5000 });
});

afterAll(async () => {
  await Promise.allSettled([bits?.close(), pooled?.close(), direct?.close()]);
  await Promise.allSettled([redis?.stop(), postgres?.stop()]);
});

beforeEach(async () => {
  await direct.query('TRUNCATE uplift_service.offsets, uplift_service.dead_letters');
  await direct.query(
    'INSERT INTO uplift_service.offsets (topic, topic_id, partition, next_offset) VALUES ($1, $2, 0, 7), ($1, $2, 1, 0)',
    [TOPICS.events, SETTLED.topicId],
  );
});

const build = (): Promise<Generation> =>
  buildGeneration({
    bits,
    sql: pooled,
    settle: async () => SETTLED,
    late: { idempotencyTtlMs: 86_400_000, commandWindowMs: 300_000 },
    signal: new AbortController().signal,
  });

/** What the filter says to each of these ids. */
async function ask(generation: Generation, ids: readonly string[]): Promise<Map<BloomOutcome, number>> {
  const seen = new Map<BloomOutcome, number>();
  const count = (outcome: BloomOutcome) => void seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
  // A busy machine is no Redis that is away.
  const unknownIds = new UnknownIds(bits, count, 10_000);
  unknownIds.use(generation);
  for (let at = 0; at < ids.length; at += 200)
    await Promise.all(ids.slice(at, at + 200).map((id) => unknownIds.certainlyAbsent(id)));
  return seen;
}

const range = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => idOf(from + i));

describe('a generation built from Postgres, through PgBouncer', () => {
  test('has every id of the projection, and answers for nearly all others of long ago', async () => {
    const before = Date.now();
    const generation = await build();
    expect(await currentGeneration(bits)).toEqual(generation);
    expect(generation.completeThroughMs).toBeGreaterThan(before - 86_400_000 - 661_000);
    expect(generation.completeThroughMs).toBeLessThan(before - 86_400_000 - 659_000);
    expect(await ask(generation, range(0, ROWS))).toEqual(new Map([['maybe', ROWS]]));
    const unknown = await ask(generation, range(ROWS, 2 * ROWS));
    expect(unknown.get('absent')).toBeGreaterThan(ROWS * 0.98);
    expect([...unknown.keys()].every((outcome) => outcome === 'absent' || outcome === 'maybe')).toBe(true);
    const young = idOf(Date.now() - 3_600_000 - SNOWFLAKE_EPOCH_MS);
    expect(await ask(generation, [young])).toEqual(new Map([['young', 1]]));
  });

  test('ends by itself when it was only begun, and stays once it is told to', async () => {
    const all = [1, 2];
    await bits.set('draft', all, 150);
    await bits.set('kept', all, 150);
    await bits.live('kept', undefined);
    await bits.set('kept', [3], 150);
    await bits.write('said', 'text', 150);
    const gone = async () =>
      (await bits.read('said')) === undefined && !(await bits.look('draft', [1], 0)).all;
    await waitFor(gone, { what: 'the end of a draft', timeoutMs: 5000 });
    expect(await bits.look('kept', [1, 2, 3], 0)).toEqual({ all: true });
  });

  test('takes new ids too, and its shards end with the next generation', async () => {
    const first = await build();
    await bloomWriter(bits).add(range(20_000, 20_100));
    expect(await ask(first, range(20_000, 20_100))).toEqual(new Map([['maybe', 100]]));
    const second = await build();
    expect(await ask(second, range(20_000, 20_100))).not.toEqual(new Map([['maybe', 100]]));
    const old = await ask(first, range(0, 500));
    expect(old).toEqual(new Map([['notCounted', 500]]));
  });

  test('is not built while the projection is behind, or of another topic, or a dead letter waits', async () => {
    const before = await build();
    await direct.query('UPDATE uplift_service.offsets SET next_offset = 6 WHERE partition = 0');
    await expect(build()).rejects.toThrow('has not applied what was settled');
    await direct.query(`UPDATE uplift_service.offsets SET next_offset = 9, topic_id = 'other'`);
    await expect(build()).rejects.toThrow('has not applied what was settled');
    await direct.query(`UPDATE uplift_service.offsets SET topic_id = 'topic'`);
    await direct.query(
      `INSERT INTO uplift_service.dead_letters (topic, topic_id, partition, event_offset, error_code, attempts)
       VALUES ('t', 'topic', 0, 3, 'X', 1)`,
    );
    await expect(build()).rejects.toThrow('1 dead letters wait');
    expect(await currentGeneration(bits)).toEqual(before);
    await direct.query(`UPDATE uplift_service.dead_letters SET outcome = 'applied'`);
    expect((await build()).generation).not.toBe(before.generation);
  });

  test('no longer counts where a key is gone, even if it is written to again', async () => {
    const generation = await build();
    const absent = range(ROWS, ROWS + 2000).filter((id) => placeOf(id, generation).shard === 3);
    expect((await ask(generation, absent)).get('absent')).toBeGreaterThan(0);
    await bits.drop(shardKey(generation.generation, 3));
    expect((await ask(generation, absent)).get('absent')).toBeUndefined();
    await bloomWriter(bits).add(range(0, 200));
    expect((await ask(generation, absent)).get('absent')).toBeUndefined();
  });
});

test('a no does not count where the primary is another than at the build, although it has every bit; the next build does', async () => {
  const replica = await redis.addReplica(0);
  const generation = await build();
  const ids = range(ROWS, 2 * ROWS);
  const before = (await ask(generation, ids)).get('absent') ?? 0;
  const port = replica.split(':')[1] ?? '';
  await run('redis-cli', ['-p', port, 'CLUSTER', 'FAILOVER'], { timeout: 5000 });
  const promoted = async (): Promise<boolean> =>
    (await run('redis-cli', ['-p', port, 'ROLE'])).stdout.startsWith('master');
  await waitFor(promoted, { what: 'the replica to be promoted', timeoutMs: 10_000 });
  const after = await waitFor(
    async () => {
      const seen = await ask(generation, ids);
      return seen.has('redisAway') ? undefined : seen;
    },
    { what: 'the client to follow', timeoutMs: 15_000, intervalMs: 1000 },
  );
  const moved = after.get('notCounted') ?? 0;
  expect(moved).toBeGreaterThan(ROWS * 0.1);
  expect((after.get('absent') ?? 0) + moved).toBe(before);
  const next = await build();
  expect((await ask(next, ids)).get('notCounted')).toBeUndefined();
  expect((await ask(next, range(0, ROWS))).get('maybe')).toBe(ROWS);
});
