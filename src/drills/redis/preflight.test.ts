import { describe, expect, it } from 'vitest';
import { RedisModel } from '../steps/redis/testing/model.ts';
import type { RedisLook } from './look.ts';
import { type RedisPreflight, redisFindings } from './preflight.ts';
import { settingsOf } from './settings.ts';
import { diffRedis, topologyOf } from './topology.ts';

const NOW = 1_000_000;

async function healthy(model = new RedisModel()): Promise<RedisPreflight> {
  const looks = await model.looks();
  const topology = topologyOf(looks);
  const [victim] = topology.nodes;
  if (victim === undefined) throw new Error('no node');
  return {
    ...{ region: 'local', looks, topology, victim, lastFailover: undefined, nowMs: NOW },
    settings: settingsOf(new Map([['cluster-node-timeout', '2000']])),
    uptimesMs: new Map(looks.map(({ address }) => [address, 60_000])),
    victimProcess: { ok: true, text: 'redis-1, pid 1' },
  };
}

/** What is not met, as `id status`. */
const bad = (facts: RedisPreflight): string[] =>
  redisFindings(facts).flatMap(({ id, status }) => (status === 'pass' ? [] : [`${id} ${status}`]));

/** The looks with one of them changed. */
const changed = (
  { looks }: RedisPreflight,
  address: string,
  change: (look: Extract<RedisLook, { seen: true }>) => RedisLook,
): RedisLook[] => looks.map((look) => (look.address === address && look.seen ? change(look) : look));

describe('the preflight of a Redis drill', () => {
  it('passes a healthy cluster, with one finding per condition', async () => {
    const findings = redisFindings(await healthy());
    expect(findings.map(({ status }) => status)).toEqual(findings.map(() => 'pass'));
    expect(new Set(findings.map(({ id }) => id)).size).toBe(7);
  });

  it('asks nothing of an actuator where none is needed', async () => {
    const findings = redisFindings({ ...(await healthy()), victimProcess: undefined });
    expect(findings.map(({ id }) => id)).not.toContain('drill.victim');
    expect(findings).toHaveLength(6);
  });

  it('has no data where a node does not answer, is not listed, or hides its settings', async () => {
    const facts = await healthy();
    const silent = changed(facts, 'h:7006', ({ address }) => ({ address, seen: false, reason: 'refused' }));
    expect(bad({ ...facts, looks: silent })).toEqual(['drill.redis.views inconclusive']);
    const nodes = facts.topology.nodes.slice(0, 5);
    const unlisted = { ...facts, topology: { nodes }, looks: facts.looks.slice(0, 5) };
    expect(bad(unlisted)).toContain('drill.redis.views inconclusive');
    expect(bad({ ...facts, settings: settingsOf(new Map()) })).toEqual(['drill.redis.timeout inconclusive']);
    expect(bad({ ...facts, uptimesMs: new Map() })).toEqual(['drill.redis.spacing inconclusive']);
    expect(bad({ ...facts, looks: [] })).toContain('drill.redis.views inconclusive');
  });

  it('fails when one node alone sees it otherwise', async () => {
    const facts = await healthy();
    const suspects = changed(facts, 'h:7006', (look) => ({
      ...look,
      view: {
        ...look.view,
        nodes: look.view.nodes.map((node) => (node.id === 'id2' ? { ...node, troubles: ['fail?'] } : node)),
      },
    }));
    expect(bad({ ...facts, looks: suspects })).toEqual(['drill.redis.views fail']);
  });

  it('fails when the victim has no linked replica close behind, or masters do not know it', async () => {
    const facts = await healthy();
    const of = (change: { link?: string; offset?: number }): RedisLook[] =>
      changed(facts, 'h:7004', (look) => ({
        ...look,
        role: { ...look.role, ...change } as typeof look.role,
      }));
    expect(bad({ ...facts, looks: of({ link: 'sync' }) })).toEqual([
      'drill.redis.views fail',
      'drill.redis.behind fail',
    ]);
    const ahead = changed(facts, 'h:7001', (look) => ({
      ...look,
      role: { role: 'master', offset: 2_000_000 },
    }));
    expect(bad({ ...facts, looks: ahead })).toEqual(['drill.redis.behind fail']);
    const unknown = facts.looks.map((look) =>
      look.seen && ['h:7002', 'h:7003'].includes(look.address)
        ? { ...look, view: { ...look.view, nodes: look.view.nodes.filter(({ id }) => id !== 'id4') } }
        : look,
    );
    expect(bad({ ...facts, looks: unknown })).toContain('drill.redis.replicas fail');
  });

  it('fails too soon after another failover, ours or not', async () => {
    const facts = await healthy();
    expect(bad({ ...facts, lastFailover: { runId: 'r', atMs: NOW - 7999 } })).toEqual([
      'drill.redis.spacing fail',
    ]);
    expect(bad({ ...facts, lastFailover: { runId: 'r', atMs: NOW - 8000 } })).toEqual([]);
    const young = new Map(facts.uptimesMs).set('h:7005', 3000);
    expect(bad({ ...facts, uptimesMs: young })).toEqual(['drill.redis.spacing fail']);
  });

  it('fails without a hold of the victim, or with a run that was never restored', async () => {
    const facts = await healthy();
    const lost = { ...facts, victimProcess: { ok: false, text: 'gone' } };
    expect(bad(lost)).toEqual(['drill.victim inconclusive']);
  });
});

describe('the difference of a Redis topology', () => {
  it('is empty for the same, and names who says what of a shard that was handed over', async () => {
    const model = new RedisModel();
    const saved = await model.topology();
    expect(diffRedis(saved, await model.looks())).toEqual([]);
    await model.redis.at('h:7004').failover();
    await model.looks();
    const differences = diffRedis(saved, await model.looks());
    expect(differences.slice(0, 2)).toEqual([
      'h:7001 is a replica, was a master',
      'h:7001 serves no slots, served 0-5460',
    ]);
    expect(differences).toContain('h:7005 says: h:7004 is a master, was a replica');
  });

  it('names a node that does not answer, and one that is another than it was', async () => {
    const model = new RedisModel();
    const saved = await model.topology();
    const looks = (await model.looks()).filter(({ address }) => address !== 'h:7001');
    expect(diffRedis(saved, looks)).toEqual(['h:7001 does not answer (it was not asked)']);
    const nodes = saved.nodes.map((node) => (node.id === 'id1' ? { ...node, id: 'old' } : node));
    expect(diffRedis({ nodes }, await model.looks())[0]).toBe('h:7001 is another node than old');
  });
});
