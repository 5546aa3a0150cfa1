import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRedis, type TestRedis } from '../../../test/support/redis-cluster.ts';
import { isUpliftError } from '../../core/error.ts';
import { waitFor } from '../../core/wait.ts';
import { answerOf, connect, script } from './connect.ts';
import { meter, paceOf } from './gcra.ts';
import { openQuotas, type Quotas } from './index.ts';
import { TAKE } from './quotas.ts';

let redis: TestRedis;
let quotas: Quotas;

beforeAll(async () => {
  redis = await startRedis('uplift-quotas');
  quotas = openQuotas({ nodes: redis.nodes, timeoutMs: 1000 });
  const answers = (): Promise<object> => quotas.take('first', { quota: 1, windowMs: 1000 });
  await waitFor(answers, { what: 'the cluster to answer', timeoutMs: 5000 });
});

afterAll(async () => {
  await quotas?.close();
  await redis?.stop();
});

describe('quotas on a Redis Cluster', () => {
  test('of many that ask at once exactly the quota is allowed, by name', async () => {
    const policy = { quota: 10, windowMs: 86_400_000 };
    const both = await Promise.all(
      ['acme', 'other'].map((name) =>
        Promise.all(Array.from({ length: 50 }, () => quotas.take(name, policy))),
      ),
    );
    for (const all of both) expect(all.filter((each) => each.allowed)).toHaveLength(10);
    const after = await quotas.take('acme', policy);
    expect(after).toMatchObject({ allowed: false, remaining: 0 });
    expect(after.nextMs).toBeGreaterThan(8_630_000);
    expect(after.nextMs).toBeLessThanOrEqual(8_640_000);
  });

  test('units come back with time', async () => {
    const policy = { quota: 2, windowMs: 400 };
    await quotas.take('quick', policy);
    await quotas.take('quick', policy);
    expect((await quotas.take('quick', policy)).allowed).toBe(false);
    await expect.poll(async () => (await quotas.take('quick', policy)).allowed, { timeout: 2000 }).toBe(true);
  });

  test('the script does what the arithmetic says, to the microsecond, and its key ends by itself', async () => {
    const target = { nodes: redis.nodes, timeoutMs: 1000 };
    const cluster = connect(target);
    const take = script(cluster, TAKE);
    try {
      await expect.poll(() => cluster.get('quota:{exact}').then(() => true), { timeout: 5000 }).toBe(true);
      const pace = paceOf({ quota: 7, windowMs: 30 });
      let meterUs: number | undefined;
      let denied = 0;
      for (let i = 0; i < 300; i += 1) {
        const answer = await take('quota:{exact}', [pace.emissionUs, pace.burstUs]);
        const [allowed, after, nowUs = 0] = Array.isArray(answer) ? answer.map(Number) : [];
        const expected = meter(meterUs, nowUs, pace);
        expect({ allowed: allowed === 1, meterUs: after }).toEqual(expected);
        meterUs = expected.meterUs;
        if (!expected.allowed) denied += 1;
      }
      expect(denied).toBeGreaterThan(50);
      await expect.poll(() => cluster.exists('quota:{exact}'), { timeout: 2000 }).toBe(0);
    } finally {
      cluster.disconnect();
    }
  });

  test('a server that has forgotten the script is told its text', async () => {
    const target = { nodes: redis.nodes, timeoutMs: 1000 };
    const cluster = connect(target);
    try {
      await expect.poll(() => cluster.nodes('master').length, { timeout: 5000 }).toBe(3);
      // A client that has just found its nodes may still replace a connection.
      const flush = () =>
        answerOf(target, () => Promise.all(cluster.nodes('master').map((node) => node.script('FLUSH'))));
      await waitFor(flush, { what: 'all masters to forget', timeoutMs: 5000 });
    } finally {
      cluster.disconnect();
    }
    expect((await quotas.take('flushed', { quota: 5, windowMs: 1000 })).allowed).toBe(true);
  });
});

test('with a master gone, a question ends within its timeout as UPL-REDIS-UNREACHABLE', async () => {
  await redis.kill(1);
  const startedMs = performance.now();
  const policy = { quota: 5, windowMs: 1000 };
  const ends = await Promise.allSettled(
    Array.from({ length: 40 }, (_, i) => quotas.take(`lost-${i}`, policy)),
  );
  expect(performance.now() - startedMs).toBeLessThan(2500);
  const failed = ends.filter((end) => end.status === 'rejected');
  expect(failed.length).toBeGreaterThan(0);
  expect(failed.every((end) => isUpliftError(end.reason, 'UPL-REDIS-UNREACHABLE'))).toBe(true);
});
