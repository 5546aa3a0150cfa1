import { describe, expect, it } from 'vitest';
import { TOPICS } from '../contract/records.ts';
import { type Finding, verdictOf } from '../core/finding.ts';
import type { Observed } from '../facts/observed.ts';
import type { CheckFacts } from './check.ts';
import { runChecks } from './check.ts';
import { CHECKS } from './registry.ts';

const seen = <T>(value: T): Observed<T> => ({ seen: true, atMs: 1, value });
const away: Observed<never> = { seen: false, atMs: 1, reason: 'connection refused' };

const partition = (id: number) => ({
  partition: id,
  leader: 1,
  leaderEpoch: 0,
  replicas: [1, 2, 3],
  isr: [1, 2, 3],
  offlineReplicas: [],
});
const topics = ['t', ...Object.values(TOPICS)].map((name) => ({
  name,
  id: name.toUpperCase(),
  internal: false,
  partitions: [partition(0), partition(1)],
}));
const brokers = [1, 2, 3].map((id) => ({ id, host: 'h', port: id, rack: `az-${id}` }));
const configs = [
  { name: 'min.insync.replicas', value: '2', own: true },
  { name: 'unclean.leader.election.enable', value: 'false', own: true },
];
const days = (count: number): string => String(count * 86_400_000);
/** Own settings of a topic of the service, beside the common ones. */
const kept = (over: Record<string, string>) => [
  ...configs,
  ...Object.entries({
    'cleanup.policy': 'delete',
    'retention.ms': days(10),
    'retention.bytes': '-1',
    ...over,
  }).map(([name, value]) => ({ name, value, own: true })),
];
const allConfigs = new Map([
  ['t', configs],
  [TOPICS.commands, kept({})],
  [TOPICS.events, kept({})],
  [TOPICS.snapshots, kept({ 'cleanup.policy': 'compact' })],
]);
const standby = (name: string) => ({
  name,
  state: 'streaming',
  syncState: 'quorum',
  replayLagBytes: 0,
  replyAgeMs: 5,
});
const replica = {
  inRecovery: true,
  streaming: true,
  receivedBytesAhead: 0,
  lastMessageAgeMs: 5,
  replayAgeMs: 60_000,
  timeline: 1,
};
const redisNodes = [
  {
    id: 'a',
    address: 'h:1',
    role: 'master' as const,
    masterId: null,
    troubles: [],
    linked: true,
    slots: 16_384,
    ranges: ['0-16383'],
    epoch: 1,
    self: true,
  },
  {
    id: 'b',
    address: 'h:2',
    role: 'replica' as const,
    masterId: 'a',
    troubles: [],
    linked: true,
    slots: 0,
    ranges: [],
    epoch: 1,
    self: false,
  },
];

const healthy: CheckFacts = {
  region: 'local',
  bootstrap: ['h:1', 'h:2', 'h:3'],
  kafka: {
    state: seen({ clusterId: 'c', brokers, topics }),
    silent: [],
    quorum: seen({
      leaderId: 1,
      leaderEpoch: 1,
      voters: [1, 2, 3].map((id) => ({ id, logEndOffset: 5n, lastCaughtUpMs: 0 })),
    }),
    topicConfigs: seen(allConfigs),
    reassignments: seen([]),
  },
  desired: topics.map(({ name }, at) => ({
    name,
    partitions: 2,
    replicationFactor: 3,
    configs: { 'min.insync.replicas': '2' },
    origin: `uplift.yaml:${9 + at}`,
  })),
  postgres: {
    writer: {
      name: 'az-a',
      facts: seen({
        inRecovery: false,
        synchronousStandbyNames: 'ANY 1 (b, c)',
        synchronousCommit: 'on',
        fsync: 'on',
        timeline: 1,
        standbys: [standby('b'), standby('c')],
      }),
    },
    replicas: ['b', 'c'].map((name) => ({ name, facts: seen(replica) })),
  },
  redis: { views: [{ address: 'h:1', view: seen({ state: 'ok', slotsOk: 16_384, nodes: redisNodes }) }] },
  instances: [
    {
      id: 'gateway-1',
      url: 'http://h:1',
      readyz: seen({ ready: true, role: 'gateway', instance: 'gateway-1', probes: [] }),
    },
  ],
  projection: seen({
    ends: [{ topic: 't', topicId: 'T', partition: 0, startOffset: 0n, endOffset: 5n, leaderEpoch: 0 }],
    behindRecords: 3,
    caughtUpInMs: 40,
    unknownPartitions: [],
    stillBehind: [],
  }),
  limits: {
    projectionFreshness: 5000,
    replicaLag: 30_000,
    rebuildWindow: 7 * 86_400_000,
    recovery: 30_000,
    requestTimeout: 5000,
  },
  originOf: () => ({ source: 'file', text: 'uplift.yaml:1' }),
};

const find = (id: string, facts: Partial<CheckFacts>): Finding | undefined =>
  runChecks(CHECKS, { ...healthy, ...facts }).find((finding) => finding.id === id);

describe('the checks', () => {
  it('pass on a healthy platform, each with evidence', () => {
    const findings = runChecks(CHECKS, healthy);
    expect(findings.map(({ status }) => status)).toEqual(Array(7).fill('pass'));
    expect(findings.every(({ evidence }) => evidence.length > 0)).toBe(true);
  });

  it('are inconclusive, never pass, when nothing answers', () => {
    const silent: CheckFacts = {
      ...healthy,
      kafka: { state: away, silent: [], quorum: away, topicConfigs: away, reassignments: away },
      postgres: { writer: { name: 'az-a', facts: away }, replicas: [] },
      redis: { views: [{ address: 'h:1', view: away }] },
      instances: [{ id: 'gateway-1', url: 'http://h:1', readyz: away }],
      projection: away,
    };
    const findings = runChecks(CHECKS, silent);
    expect(findings.map(({ status }) => status)).toEqual(Array(7).fill('inconclusive'));
    expect(verdictOf(findings)).toBe('inconclusive');
  });

  it('fail for a missing broker, a shrunk ISR and an absent topic', () => {
    const two = { ...healthy.kafka, state: seen({ clusterId: 'c', brokers: brokers.slice(1), topics }) };
    expect(find('kafka.brokers.racks', { kafka: two })).toMatchObject({ status: 'fail' });
    const shrunk = {
      ...healthy.kafka,
      state: seen({
        clusterId: 'c',
        brokers,
        topics: [
          { ...topics[0], name: 't', id: 'T', internal: false, partitions: [{ ...partition(0), isr: [1] }] },
        ],
      }),
    };
    expect(find('kafka.topic.durability', { kafka: shrunk })?.summary).toContain('under min ISR 2');
    const none = { ...healthy.kafka, state: seen({ clusterId: 'c', brokers, topics: [] }) };
    expect(find('kafka.topic.durability', { kafka: none })).toMatchObject({
      status: 'fail',
      promise: { text: 'uplift.yaml:9' },
    });
  });

  it('believe no list that names a broker which does not answer: neither it nor its place in an ISR', () => {
    const silent = (...ids: number[]): Partial<CheckFacts> => ({
      kafka: {
        ...healthy.kafka,
        silent: ids.map((id) => ({ id, address: `h:${id}`, reason: 'connection refused' })),
      },
    });
    expect(find('kafka.brokers.racks', silent(2))).toMatchObject({
      status: 'fail',
      summary: 'broker 2 at h:2 is registered and does not answer (connection refused)',
    });
    const noQuorum = { kafka: { ...healthy.kafka, quorum: away } };
    expect(find('kafka.brokers.racks', noQuorum)?.status).toBe('inconclusive');
    const leaderDied = { kafka: { ...healthy.kafka, ...silent(1).kafka, quorum: away } };
    expect(find('kafka.brokers.racks', leaderDied)).toMatchObject({
      status: 'fail',
      summary: expect.stringMatching(/^broker 1 at h:1 .*; the quorum could not be seen/),
    });
    expect(find('kafka.topic.durability', silent(2))?.summary).toContain('lack in-sync replicas');
    expect(find('kafka.topic.durability', silent(2, 3))?.summary).toContain('under min ISR 2');
  });

  it('fail for topics that lose what a restart or a rebuild needs, and name the line that asks for them', () => {
    const judge = (topic: string, over: Record<string, string>) => {
      const topicConfigs = seen(new Map([...allConfigs, [topic, kept(over)]]));
      return find('kafka.topic.retention', { kafka: { ...healthy.kafka, topicConfigs } });
    };
    const cases = [
      [TOPICS.commands, { 'cleanup.policy': 'compact' }, 'it has to be delete alone'],
      [TOPICS.events, { 'cleanup.policy': 'compact,delete' }, 'it has to be delete alone'],
      [TOPICS.snapshots, { 'cleanup.policy': 'delete' }, 'it has to be compact alone'],
      [TOPICS.commands, { 'retention.ms': '12000000' }, 'twice the age that a snapshot may reach'],
      [TOPICS.events, { 'retention.ms': days(7) }, 'the rebuild window (604800000 ms)'],
      [TOPICS.events, { 'retention.ms': 'soon' }, 'retention.ms unknown'],
      [TOPICS.commands, { 'retention.bytes': '1000000' }, 'age alone may end it'],
    ] as const;
    for (const [topic, over, says] of cases)
      expect(judge(topic, over)).toMatchObject({
        status: 'fail',
        summary: expect.stringContaining(says),
        promise: { text: `uplift.yaml:${9 + topics.findIndex(({ name }) => name === topic)}` },
      });
    expect(judge(TOPICS.commands, { 'retention.ms': '12000001' })?.status).toBe('pass');
    expect(judge(TOPICS.events, { 'retention.ms': '-1' })?.status).toBe('pass');
    expect(find('kafka.topic.retention', { desired: healthy.desired.slice(0, 1) })?.status).toBe(
      'notApplicable',
    );
    const absent = seen(new Map([...allConfigs].filter(([name]) => name !== TOPICS.snapshots)));
    const kafka = { ...healthy.kafka, topicConfigs: absent };
    expect(find('kafka.topic.retention', { kafka })?.status).toBe('inconclusive');
  });

  it('call a replica lost when the writer says so, and undecided when only we cannot reach it', () => {
    const postgres = healthy.postgres as NonNullable<CheckFacts['postgres']>;
    const [first] = postgres.replicas;
    if (first === undefined || !postgres.writer.facts.seen) expect.fail('no replica');
    const replicas = [first, { name: 'c', facts: away }];
    expect(find('postgres.replication', { postgres: { ...postgres, replicas } })).toMatchObject({
      status: 'inconclusive',
      summary: expect.stringContaining('c does not answer'),
    });
    const writer = { ...postgres.writer.facts.value, standbys: [standby('b')] };
    const lost = { ...postgres, replicas, writer: { name: 'az-a', facts: seen(writer) } };
    expect(find('postgres.replication', { postgres: lost })).toMatchObject({
      status: 'fail',
      summary: expect.stringMatching(/1 of 2 replicas stream from az-a; c does not answer/),
    });
  });

  it('name the node of Redis that is gone before what the others say of it', () => {
    const [view] = (healthy.redis as NonNullable<CheckFacts['redis']>).views;
    if (view?.view.seen !== true) expect.fail('no view');
    const nodes = redisNodes.map((node) => (node.id === 'a' ? { ...node, troubles: ['fail'] } : node));
    const views = [
      { address: 'h:1', view: away },
      { address: 'h:2', view: seen({ ...view.view.value, nodes }) },
    ];
    expect(find('redis.cluster.slots', { redis: { views } })).toMatchObject({
      status: 'fail',
      summary: expect.stringMatching(/^no answer from h:1 .*; h:2 marks h:1 as fail/),
    });
    const fine = [views[0], view].flatMap((one) => one ?? []);
    expect(find('redis.cluster.slots', { redis: { views: fine } })?.status).toBe('inconclusive');
  });

  it('fail for two writers, a replica that lost its primary, and one far behind', () => {
    const withReplica = (over: Partial<typeof replica>): Partial<CheckFacts> => ({
      postgres: {
        ...(healthy.postgres as NonNullable<CheckFacts['postgres']>),
        replicas: [{ name: 'b', facts: seen({ ...replica, ...over }) }],
      },
    });
    expect(find('postgres.replication', withReplica({ inRecovery: false }))?.summary).toContain(
      'two writers',
    );
    expect(find('postgres.replication', withReplica({ streaming: false }))?.summary).toContain(
      'does not stream',
    );
    expect(
      find('postgres.replication', withReplica({ receivedBytesAhead: 9, replayAgeMs: 41_000 }))?.summary,
    ).toContain('41.0 s behind');
    expect(find('postgres.replication', withReplica({ lastMessageAgeMs: 60_000 }))?.status).toBe('fail');
  });

  it('tell an unready process from a silent one', () => {
    const unready = [
      {
        id: 'g',
        url: 'http://h',
        readyz: seen({
          ready: false,
          role: 'gateway',
          instance: 'g',
          probes: [{ name: 'kafka', ok: false, detail: 'topic absent', ageMs: 1 }],
        }),
      },
    ];
    expect(find('service.ready', { instances: unready })).toMatchObject({
      status: 'fail',
      summary: 'g is not ready: kafka topic absent',
    });
    expect(find('service.ready', { instances: [{ id: 'g', url: 'http://h', readyz: away }] })).toMatchObject({
      status: 'inconclusive',
    });
  });

  it('take a process that waits for an unseen Kafka for a consequence, and nothing else for one', () => {
    const waiting = (...bad: string[]) => [
      {
        id: 'g',
        url: 'http://h',
        readyz: seen({
          ready: false,
          role: 'gateway' as const,
          instance: 'g',
          probes: ['kafka', 'partitions', 'producer', 'caches', 'postgres'].map((name) => ({
            name,
            ok: !bad.includes(name),
            detail: '?',
            ageMs: 1,
          })),
        }),
      },
    ];
    const dead = { state: away, silent: [], quorum: away, topicConfigs: away, reassignments: away };
    const ready = (kafka: CheckFacts['kafka'], ...bad: string[]) =>
      find('service.ready', { kafka, instances: waiting(...bad) })?.status;
    expect(ready(dead, 'kafka', 'partitions')).toBe('blocked');
    expect(ready(dead, 'kafka', 'producer', 'caches')).toBe('blocked');
    expect(ready(healthy.kafka, 'kafka', 'partitions')).toBe('fail');
    expect(ready(dead, 'kafka', 'postgres')).toBe('fail');
    expect(ready(dead, 'partitions')).toBe('fail');
    expect(ready(dead)).toBe('fail');
  });

  it('fail for a stale projection and stay undecided for unknown positions', () => {
    const base = {
      ends: [{ topic: 't', topicId: 'T', partition: 0, startOffset: 0n, endOffset: 5n, leaderEpoch: 0 }],
      behindRecords: 3,
      unknownPartitions: [],
      stillBehind: [{ partition: 0, records: 3 }],
    };
    expect(find('projection.freshness', { projection: seen({ ...base, caughtUpInMs: null }) })?.status).toBe(
      'fail',
    );
    expect(
      find('projection.freshness', {
        projection: seen({ ...base, caughtUpInMs: null, unknownPartitions: [0] }),
      })?.status,
    ).toBe('inconclusive');
  });
});
