import { describe, expect, it } from 'vitest';
import { waitFor } from '../../core/wait.ts';
import { RedisModel } from '../steps/redis/testing/model.ts';
import { looksOf } from './looks.ts';
import { topologyOf } from './topology.ts';

async function looking(firstAckNs: (fromNs: bigint) => bigint | null = () => null) {
  const model = new RedisModel();
  const looks = await model.looks();
  const topology = topologyOf(looks);
  const [victim] = topology.nodes;
  if (victim === undefined) throw new Error('no node');
  let nowNs = 0n;
  const clock = { nowMs: () => 0, monoNs: () => (nowNs += 1n) };
  const seen = looksOf({ context: model.context as never, clock }, { looks, topology, victim, firstAckNs });
  const handOver = async (to: string): Promise<void> => {
    await model.redis.at(to).failover();
    await waitFor(async () => (await model.redis.at(to).role()).role === 'master', {
      what: 'handed over',
      timeoutMs: 1000,
      intervalMs: 1,
    });
    await model.looks();
  };
  return { model, seen, handOver };
}

describe('the looks of a Redis drill', () => {
  it('find that the shard moved since the preflight, also when it came back meanwhile', async () => {
    const { seen, handOver } = await looking();
    expect(await seen.moved()).toBeUndefined();
    await handOver('h:7004');
    expect(await seen.moved()).toContain('h:7001 is a replica, was a master');
    expect((await seen.differences()).length).toBeGreaterThan(0);
    await handOver('h:7001');
    expect(await seen.differences()).toEqual([]);
    expect(await seen.moved()).toBe('a Redis shard was handed over since the preflight');
  });

  it('are at their end only when the shard takes writes again, of which the probe tells', async () => {
    let ack: bigint | null = null;
    const asked: bigint[] = [];
    const { seen, handOver } = await looking((fromNs) => {
      asked.push(fromNs);
      return ack;
    });
    const watch = seen.watch(5000);
    try {
      expect(watch.settled?.()).toBe(false);
      expect(watch.moments()).toEqual({ detectedNs: null, electedNs: null, reconnectedNs: null });
      await handOver('h:7004');
      await waitFor(async () => watch.moments().electedNs !== null, { what: 'elected', timeoutMs: 5000 });
      expect(watch.settled?.()).toBe(false);
      expect(watch.leaders?.()?.text).toBe('h:7004 leads the slots of h:7001');
      ack = 99n;
      expect(watch.settled?.()).toBe(true);
      expect(watch.moments()).toMatchObject({ detectedNs: null, reconnectedNs: 99n });
      expect(asked.every((fromNs) => fromNs === watch.moments().electedNs)).toBe(true);
    } finally {
      await watch.stop();
    }
    expect(await seen.secondFailure()).toBeUndefined();
  });
});
