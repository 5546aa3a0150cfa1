import { describe, expect, it } from 'vitest';
import type { RedisNode, RedisNodes, RedisWriter, WriteAnswer } from '../../clients/redis/ports.ts';
import { slotOf } from '../../clients/redis/slot.ts';
import { waitFor } from '../../core/wait.ts';
import { judgeProbe } from './judge.ts';
import { redisProbe, tagIn } from './redis.ts';

/** One shard in memory: who leads decides what a write answers. */
function shardInMemory() {
  const data = new Map<string, Map<string, string>>([
    ['h:1', new Map()],
    ['h:2', new Map()],
  ]);
  const world = { master: 'h:1', down: new Set<string>(), data, offsets: new Map<string, number>() };
  const node = (address: string): RedisNode => {
    const own = (): Map<string, string> => data.get(address) ?? new Map();
    const unused = (): never => {
      throw new TypeError('the probe does not need this');
    };
    return {
      ...{
        address,
        info: unused,
        clusterNodes: unused,
        clusterInfo: unused,
        config: unused,
        failover: unused,
      },
      role: async () =>
        address === world.master
          ? { role: 'master', offset: 10 }
          : {
              role: 'replica',
              master: world.master,
              link: 'connected',
              offset: world.offsets.get(address) ?? 10,
            },
      values: async (keys) => keys.map((key) => own().get(key) ?? null),
      remove: async (keys) => {
        for (const key of keys) for (const each of data.values()) each.delete(key);
      },
      close: async () => undefined,
    };
  };
  const redis: RedisNodes = { at: node, close: async () => undefined };
  const openWriter = (address: string): RedisWriter => ({
    address,
    connected: () => !world.down.has(address),
    async set(key, value): Promise<WriteAnswer> {
      if (world.down.has(address)) return { outcome: 'fail', reason: 'not connected' };
      if (address !== world.master) return { outcome: 'fail', reason: 'MOVED', movedTo: world.master };
      for (const each of data.values()) each.set(key, value);
      return { outcome: 'ok' };
    },
    close: async () => undefined,
  });
  return { world, redis, openWriter };
}

function probeOf(shard: ReturnType<typeof shardInMemory>) {
  return redisProbe({
    ...shard,
    shards: [{ master: 'h:1', members: ['h:1', 'h:2'], ranges: ['0-16383'] }],
    struck: ['h:1'],
    runId: 'run',
    ratePerS: 500,
    waitReplicas: 0,
    ttlMs: 60_000,
    timeoutMs: 1000,
    monoNs: () => process.hrtime.bigint(),
  });
}

const acks = (probe: ReturnType<typeof probeOf>): number =>
  probe.writes().filter(({ outcome }) => outcome === 'ok').length;

describe('the probe of Redis', () => {
  it('follows who leads, reads every member back, and takes its keys away', async () => {
    const shard = shardInMemory();
    const probe = probeOf(shard);
    await probe.start();
    await waitFor(async () => acks(probe) > 5, { what: 'writes', timeoutMs: 5000 });
    shard.world.down.add('h:1');
    await waitFor(async () => probe.writes().some(({ outcome }) => outcome === 'fail'), {
      what: 'a refusal',
      timeoutMs: 5000,
    });
    shard.world.master = 'h:2';
    const before = acks(probe);
    await waitFor(async () => acks(probe) > before + 5, {
      what: 'writes to the new master',
      timeoutMs: 5000,
    });
    shard.world.down.clear();
    shard.world.master = 'h:1';
    const then = acks(probe);
    await waitFor(async () => acks(probe) > then + 5, { what: 'writes to the old master', timeoutMs: 5000 });
    await probe.stop();
    const reads = await probe.read();
    expect(reads.unread).toEqual([]);
    expect(judgeProbe({ writes: probe.writes(), reads, faultNs: 0n })).toMatchObject({
      acknowledged: acks(probe),
      lost: [],
      phantom: [],
    });
    const [lost] = reads.places[1]?.ids ?? [];
    shard.world.data.get('h:2')?.delete(lost ?? '');
    expect(judgeProbe({ writes: probe.writes(), reads: await probe.read(), faultNs: 0n }).lost).toMatchObject(
      [{ id: lost, missingAt: ['h:2'] }],
    );
    await probe.close();
    expect([...shard.world.data.values()].map(({ size }) => size)).toEqual([0, 0]);
    await probe.close();
  });

  it('is nothing before it is started', async () => {
    const probe = probeOf(shardInMemory());
    await probe.stop();
    expect(await probe.read()).toMatchObject({ places: [] });
    await probe.close();
  });

  it('writes to a slot of the shard', () => {
    for (const ranges of [['0-5460'], ['5461-10922'], ['16383']]) {
      const [from = 0, to = from] = (ranges[0] ?? '').split('-').map(Number);
      const slot = slotOf(`uplift_probe:{${tagIn(ranges)}}:run:1`);
      expect(slot).toBeGreaterThanOrEqual(from);
      expect(slot).toBeLessThanOrEqual(to);
    }
    expect(() => tagIn([])).toThrow(TypeError);
  });
});
