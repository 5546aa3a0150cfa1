import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRedis, type TestRedis } from '../../../test/support/redis-cluster.ts';
import { isUpliftError } from '../../core/error.ts';
import { waitFor } from '../../core/wait.ts';
import { type Claims, openClaims, openRedisNode, openRedisNodes, openRedisWriter, slotOf } from './index.ts';

let redis: TestRedis;
let claims: Claims;

beforeAll(async () => {
  redis = await startRedis('uplift-redis');
  claims = openClaims({ nodes: redis.nodes, timeoutMs: 1000 });
  const takesWrites = async (): Promise<boolean> => claims.probe().then(() => true);
  await waitFor(takesWrites, { what: 'the cluster to take writes', timeoutMs: 5000 });
});

afterAll(async () => {
  await claims?.close();
  await redis?.stop();
});

describe('claims on a Redis Cluster', () => {
  test('the first claim of a key gets it, every later one reads what stands there', async () => {
    const keys = Array.from({ length: 50 }, (_, i) => `idem:${i}`);
    const first = await Promise.all(keys.map((key) => claims.claim(key, `value of ${key}`, 60_000)));
    expect(first.every((each) => each.claimed)).toBe(true);
    const second = await Promise.all(keys.map((key) => claims.claim(key, 'other', 60_000)));
    expect(second).toEqual(keys.map((key) => ({ claimed: false, value: `value of ${key}` })));
  });

  test('of many claims at once exactly one wins', async () => {
    const all = await Promise.all(
      Array.from({ length: 40 }, (_, i) => claims.claim('contended', String(i), 60_000)),
    );
    expect(all.filter((each) => each.claimed)).toHaveLength(1);
  });

  test('put overwrites, and a claim ends with its time', async () => {
    await claims.claim('short', 'a', 60_000);
    await claims.put('short', 'b', 150);
    expect(await claims.claim('short', 'c', 60_000)).toEqual({ claimed: false, value: 'b' });
    await expect.poll(() => claims.claim('short', 'd', 60_000), { timeout: 3000 }).toEqual({ claimed: true });
  });
});

describe('one node asked for facts', () => {
  test('answers info, cluster nodes and cluster info', async () => {
    const node = openRedisNode({ address: redis.nodes[0] ?? '', timeoutMs: 1000 });
    try {
      expect((await node.info('replication')).get('role')).toBe('master');
      expect(await node.clusterNodes()).toHaveLength(3);
      expect((await node.clusterInfo()).get('cluster_state')).toBe('ok');
    } finally {
      await node.close();
    }
  });

  test('answers its role and settings, has values of its own slots, and tells a master to keep its place', async () => {
    const nodes = openRedisNodes({ timeoutMs: 1000 });
    try {
      const node = nodes.at(redis.nodes[0] ?? '');
      expect(nodes.at(redis.nodes[0] ?? '')).toBe(node);
      expect(await node.role()).toEqual({ role: 'master', offset: expect.any(Number) });
      expect(await node.config(['cluster-node-timeout', 'appendonly', 'no-such-thing'])).toEqual(
        new Map([
          ['cluster-node-timeout', '2000'],
          ['appendonly', 'no'],
        ]),
      );
      const mine = Array.from({ length: 50 }, (_, n) => `{t${n}}`).find((key) => slotOf(key) <= 5460);
      await node.remove([`${mine}:gone`]);
      expect(await node.values([`${mine}:a`, `${mine}:b`])).toEqual([null, null]);
      await expect(node.failover()).rejects.toThrow(/CLUSTER FAILOVER to a replica/);
    } finally {
      await nodes.close();
    }
  });

  test('a writer says what became of each write: here, elsewhere, or never sent', async () => {
    const writers = redis.nodes.map((address) =>
      openRedisWriter({ address, timeoutMs: 1000, waitReplicas: 0 }),
    );
    const nobody = openRedisWriter({ address: '127.0.0.1:1', timeoutMs: 1000, waitReplicas: 0 });
    try {
      await expect.poll(() => writers.every((writer) => writer.connected()), { timeout: 3000 }).toBe(true);
      const answers = await Promise.all(writers.map((writer) => writer.set('{t0}:w', 'x', 60_000)));
      const owner = answers.findIndex(({ outcome }) => outcome === 'ok');
      const moved = { outcome: 'fail', movedTo: redis.nodes[owner] };
      expect(answers.filter((_, at) => at !== owner)).toEqual([
        expect.objectContaining(moved),
        expect.objectContaining(moved),
      ]);
      expect(await nobody.set('{t0}:w', 'x', 1000)).toEqual({ outcome: 'fail', reason: 'not connected' });
    } finally {
      await Promise.all([...writers, nobody].map((writer) => writer.close()));
    }
  });

  test('with WAIT, what no replica has is not acknowledged and not refused', async () => {
    const address = redis.nodes[0] ?? '';
    const writer = openRedisWriter({ address, timeoutMs: 600, waitReplicas: 1 });
    try {
      await expect.poll(() => writer.connected(), { timeout: 3000 }).toBe(true);
      const keys = Array.from({ length: 50 }, (_, n) => `{t${n}}`).filter((key) => slotOf(key) <= 5460);
      expect(await writer.set(keys[0] ?? '', 'x', 1000)).toMatchObject({
        outcome: 'info',
        reason: expect.stringContaining('only 0 of 1 replicas'),
      });
    } finally {
      await writer.close();
    }
  });

  test('a node that is not there is UPL-REDIS-UNREACHABLE within its timeout', async () => {
    const node = openRedisNode({ address: '127.0.0.1:1', timeoutMs: 500 });
    const startedMs = performance.now();
    await expect(node.clusterInfo()).rejects.toSatisfy((error) =>
      isUpliftError(error, 'UPL-REDIS-UNREACHABLE'),
    );
    expect(performance.now() - startedMs).toBeLessThan(1500);
    await node.close();
  });
});

test('with a master gone, calls end within their timeout as UPL-REDIS-UNREACHABLE, none hangs', async () => {
  await redis.kill(0);
  const startedMs = performance.now();
  const ends = await Promise.allSettled(
    Array.from({ length: 60 }, (_, i) => claims.claim(`lost:${i}`, 'x', 1000)),
  );
  expect(performance.now() - startedMs).toBeLessThan(2500);
  const failed = ends.filter((end) => end.status === 'rejected');
  expect(failed.length).toBeGreaterThan(0);
  expect(failed.every((end) => isUpliftError(end.reason, 'UPL-REDIS-UNREACHABLE'))).toBe(true);
});
