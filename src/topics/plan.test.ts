import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClusterState, ConfigEntry, TopicSpec } from '../clients/kafka/ports.ts';
import { creations, fingerprintOf, planTopics, refusals, type TopicsFacts } from './plan.ts';
import { type DesiredTopic, desiredTopics, type TopicConfig } from './section.ts';
import { verifyTopics } from './verify.ts';

const brokers = [1, 2, 3].map((id) => ({
  id,
  host: '127.0.0.1',
  port: 9000 + id,
  rack: `az-${'abc'[id - 1]}`,
}));
const empty: ClusterState = { clusterId: 'c1', brokers, topics: [] };
const facts = (state: ClusterState, configs: TopicsFacts['configs'] = new Map()): TopicsFacts => ({
  region: 'local',
  state,
  configs,
});

const declared = (over: Partial<TopicConfig> = {}): TopicConfig => ({
  name: 'reservations.events',
  partitions: 24,
  replicationFactor: 3,
  minInsyncReplicas: 2,
  config: {},
  dlq: { retention: 604_800_000 },
  ...over,
});
const desired = (...topics: TopicConfig[]): DesiredTopic[] =>
  desiredTopics(topics, (i) => `uplift.yaml:${i + 1}`);

/** The cluster as it is after Kafka did what was asked. */
function created(state: ClusterState, specs: readonly TopicSpec[]): TopicsFacts {
  const topics = specs.map((spec) => ({
    name: spec.name,
    id: `id-${spec.name}`,
    internal: false,
    partitions: spec.assignment.map((replicas, partition) => ({
      partition,
      leader: replicas[0] ?? -1,
      leaderEpoch: 0,
      replicas,
      isr: replicas,
      offlineReplicas: [],
    })),
  }));
  const entries = (spec: TopicSpec): ConfigEntry[] =>
    Object.entries(spec.configs).map(([name, value]) => ({ name, value, own: true }));
  return facts(
    { ...state, topics: [...state.topics, ...topics] },
    new Map(specs.map((spec) => [spec.name, entries(spec)])),
  );
}

describe('planning topics', () => {
  it('creates a declared topic and its dead-letter topic with seven days of retention', () => {
    const plan = planTopics(facts(empty), desired(declared()));
    const dlq = creations(plan).find(({ name }) => name === 'reservations.events.dlq');
    expect(dlq?.assignment).toHaveLength(24);
    expect(dlq?.configs).toMatchObject({ 'retention.ms': '604800000', 'min.insync.replicas': '2' });
  });

  it('plans nothing once its own plan has been applied, and verify then passes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 }), (counts) => {
        const wishes = desired(...counts.map((partitions, i) => declared({ name: `t${i}`, partitions })));
        const after = created(empty, creations(planTopics(facts(empty), wishes)));
        expect(planTopics(after, wishes).changes.every((change) => change.action === 'equal')).toBe(true);
        expect(verifyTopics(after, wishes).every((finding) => finding.status === 'pass')).toBe(true);
      }),
    );
  });

  it('refuses a topic that exists otherwise, naming each difference', () => {
    const after = created(empty, creations(planTopics(facts(empty), desired(declared({ partitions: 6 })))));
    const plan = planTopics(after, desired(declared()));
    expect(refusals(plan)).toHaveLength(2);
    expect(refusals(plan)[0]).toMatchObject({
      differences: [{ what: 'partitions', is: '6', shouldBe: '24' }],
    });
  });

  it('refuses a replication factor that the brokers cannot carry', () => {
    const plan = planTopics(facts({ ...empty, brokers: brokers.slice(0, 2) }), desired(declared()));
    expect(refusals(plan)[0]).toMatchObject({ action: 'impossible' });
  });

  it('gives the same fingerprint to the same cluster and another one when a broker is gone', () => {
    const reordered = { ...empty, brokers: brokers.toReversed() };
    expect(fingerprintOf(facts(empty))).toBe(fingerprintOf(facts(reordered)));
    expect(fingerprintOf(facts(empty))).not.toBe(
      fingerprintOf(facts({ ...empty, brokers: brokers.slice(1) })),
    );
  });

  it('keeps the leaders of all topics together level over the brokers', () => {
    const wishes = desired(...['a', 'b', 'c', 'd'].map((name) => declared({ name, partitions: 7 })));
    const leaders = creations(planTopics(facts(empty), wishes)).flatMap((spec) =>
      spec.assignment.map(([leader]) => leader),
    );
    const counts = [1, 2, 3].map((id) => leaders.filter((leader) => leader === id).length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  });
});

describe('verifying topics', () => {
  it('fails for a missing topic, a lowered min ISR, a shrunk ISR and a crowded rack', () => {
    const wishes = desired(declared({ name: 't', dlq: undefined }));
    expect(verifyTopics(facts(empty), wishes)[0]).toMatchObject({
      status: 'fail',
      summary: 't: does not exist',
    });
    const good = created(empty, creations(planTopics(facts(empty), wishes)));
    const lowered = facts(
      good.state,
      new Map([['t', [{ name: 'min.insync.replicas', value: '1', own: true }]]]),
    );
    expect(verifyTopics(lowered, wishes)[0]?.summary).toContain('min.insync.replicas is 1, declared 2');
    const dead = verifyTopics({ ...lowered, silent: [2] }, wishes)[0]?.summary;
    expect(dead).toContain('24 partitions lack in-sync replicas');
    const shrunk = withPartitions(good, (p) => ({ ...p, isr: p.isr.slice(1) }));
    expect(verifyTopics(shrunk, wishes)[0]?.summary).toContain('24 partitions lack in-sync replicas');
    const crowded = {
      ...good,
      state: {
        ...good.state,
        brokers: [
          ...brokers.slice(0, 2),
          { id: 3, host: 'h', port: 1, rack: 'az-a' },
          { id: 4, host: 'h', port: 2, rack: 'az-d' },
        ],
      },
    };
    expect(verifyTopics(crowded, wishes)[0]?.summary).toContain('two replicas in one rack');
  });
});

function withPartitions(
  from: TopicsFacts,
  change: (p: ClusterState['topics'][0]['partitions'][0]) => ClusterState['topics'][0]['partitions'][0],
): TopicsFacts {
  const topics = from.state.topics.map((topic) => ({ ...topic, partitions: topic.partitions.map(change) }));
  return { ...from, state: { ...from.state, topics } };
}
