import { describe, expect, it } from 'vitest';
import type { Moments } from '../engine/drill.ts';
import { RedisModel } from '../steps/redis/testing/model.ts';
import { explainRedis, settingsOf } from './settings.ts';
import { lastActAt } from './spacing.ts';
import { foldLook, leadersOf, secondFailureOf } from './watch.ts';

const NONE: Moments = { detectedNs: null, electedNs: null };

async function struck() {
  const model = new RedisModel({ electionLooks: 20 });
  const topology = await model.topology();
  const [victim] = topology.nodes;
  if (victim === undefined) throw new Error('no node');
  const fold = async (known: Moments, monoNs: bigint): Promise<Moments> =>
    foldLook(known, { looks: await model.looks(), topology, victim, monoNs });
  return { model, topology, victim, fold };
}

describe('watching a shard', () => {
  it('sees the loss when most masters mark it, and the end when the replica leads all its slots', async () => {
    const { model, topology, victim, fold } = await struck();
    const leaders = async () => leadersOf(await model.looks(), topology, victim);
    let known = await fold(NONE, 1n);
    expect(known).toEqual(NONE);
    expect(await leaders()).toEqual({ text: 'h:7001 leads its slots still', waits: false });
    await model.context.redisOf('').kill('h:7001');
    known = await fold(known, 2n);
    expect(known).toEqual({ detectedNs: 2n, electedNs: null });
    expect(await leaders()).toEqual({
      text: 'nobody leads the slots of h:7001, which most masters call failed',
      waits: true,
    });
    for (let look = 3n; known.electedNs === null && look < 50n; look += 1n) known = await fold(known, look);
    expect(known.detectedNs).toBe(2n);
    expect(known.electedNs).toBeGreaterThan(2n);
    expect(await leaders()).toEqual({ text: 'h:7004 leads the slots of h:7001', waits: false });
  });

  it('does not take the word of one master', async () => {
    const { model, topology, victim } = await struck();
    const looks = (await model.looks()).map((look) =>
      look.seen && look.address === 'h:7002'
        ? {
            ...look,
            view: { ...look.view, nodes: look.view.nodes.map((node) => ({ ...node, troubles: ['fail'] })) },
          }
        : look,
    );
    expect(foldLook(NONE, { looks, topology, victim, monoNs: 1n })).toEqual(NONE);
  });

  it('tells a second failure from the one that was made', async () => {
    const { model, topology, victim } = await struck();
    await model.context.redisOf('').kill('h:7001');
    expect(secondFailureOf(await model.looks(), topology, victim)).toBeUndefined();
    await model.context.redisOf('').kill('h:7005');
    expect(secondFailureOf(await model.looks(), topology, victim)).toBe('Redis at h:7005 is gone as well');
  });
});

describe('what explains a failover', () => {
  const config = new Map([
    ['cluster-node-timeout', '2000'],
    ['cluster-require-full-coverage', 'yes'],
    ['min-replicas-to-write', '0'],
    ['appendonly', 'no'],
    ['save', ''],
  ]);

  it('is the configuration, and nothing is guessed', () => {
    const kill = explainRedis(settingsOf(config), false);
    expect(kill.detect).toEqual({
      expectedMs: 2000,
      by: 'cluster-node-timeout 2000, FAIL by a majority of masters',
    });
    expect(kill.reconnect?.by).toContain('cluster-require-full-coverage yes, min-replicas-to-write 0');
    expect(explainRedis(settingsOf(config), true).detect).toBeUndefined();
    expect(explainRedis(settingsOf(new Map()), false).detect).toEqual({
      expectedMs: null,
      by: 'not readable',
    });
  });

  it('knows what stands on disk', () => {
    expect(settingsOf(config).persistence).toBe('nothing');
    expect(settingsOf(new Map([...config, ['save', '3600 1']])).persistence).toBe('snapshots');
    expect(settingsOf(new Map([...config, ['appendonly', 'yes']])).persistence).toBe('aof');
    expect(settingsOf(new Map()).persistence).toBeNull();
  });
});

describe('the last failover that we made', () => {
  const line = (kind: string, at: string, body: unknown) => ({ kind, wall: `2026-01-01T00:00:${at}Z`, body });
  const intent = (kind: string) => line('step.intent', '01', { step: { kind } });

  it('is the last line about a step of a run that acts on Redis', () => {
    const rest = [line('step.undone', '30', {}), line('drill.result', '40', {})];
    expect(lastActAt([intent('drill.redis.hold'), ...rest])).toBe(Date.parse('2026-01-01T00:00:30Z'));
    expect(lastActAt([intent('drill.killBroker'), ...rest])).toBeUndefined();
    expect(lastActAt([])).toBeUndefined();
  });
});
