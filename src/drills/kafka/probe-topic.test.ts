import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConfigEntry } from '../../clients/kafka/ports.ts';
import { TOPICS } from '../../contract/records.ts';
import { PROBE_TOPIC, type ProbeLooked, probeTopicOf, struckBy } from './probe-topic.ts';
import type { KafkaTopology, PartitionPlace } from './topology.ts';

const configs = (minIsr = '2', unclean = 'false'): ConfigEntry[] => [
  { name: 'min.insync.replicas', value: minIsr, own: true },
  { name: 'unclean.leader.election.enable', value: unclean, own: false },
];

const places = (topic: string, assignment: readonly (readonly number[])[]): PartitionPlace[] =>
  assignment.map((replicas, partition) => ({
    ...{ topic, topicId: topic, partition, replicas, isr: replicas },
    leader: replicas[0] ?? -1,
  }));

function looked(partitions: PartitionPlace[], change: Partial<ProbeLooked> = {}, brokers = 3): ProbeLooked {
  const topology: KafkaTopology = {
    clusterId: 'c',
    brokers: Array.from({ length: brokers }, (_, at) => ({ id: at + 1, rack: `az-${at + 1}` })),
    partitions,
  };
  return { topology, commands: configs(), own: undefined, ...change };
}

const commands = places(TOPICS.commands, [
  [1, 2, 3],
  [2, 3, 1],
  [3, 1, 2],
]);

describe('the topic of the Kafka probe', () => {
  it('is made like the commands topic, led by every broker in equal parts', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 7 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 3 }),
        (brokers, times, rf) => {
          const written = Array.from({ length: brokers * times }, () => [1, 2, 3].slice(0, rf));
          const { topic, finding } = probeTopicOf(looked(places(TOPICS.commands, written), {}, brokers), 1);
          expect(finding).toMatchObject({ status: 'pass', summary: expect.stringContaining('to be made') });
          expect(topic.spec?.assignment).toHaveLength(brokers * times);
          expect(topic.partitions.every(({ replicas }) => new Set(replicas).size === rf)).toBe(true);
          for (let id = 1; id <= brokers; id += 1) expect(struckBy(topic.partitions, id)).toHaveLength(times);
        },
      ),
    );
  });

  it('is kept as safely as the commands topic, and outlives any drill', () => {
    const { topic } = probeTopicOf(looked(commands, { commands: configs('3', 'true') }));
    expect(topic.spec).toMatchObject({
      name: PROBE_TOPIC,
      configs: {
        'min.insync.replicas': '3',
        'unclean.leader.election.enable': 'true',
        'retention.ms': '86400000',
      },
    });
  });

  it('has no more partitions than can be written to often', () => {
    const written = Array.from({ length: 500 }, () => [1, 2, 3]);
    const { topic } = probeTopicOf(looked(places(TOPICS.commands, written)));
    expect(topic.partitions).toHaveLength(200);
  });

  it('is used as it is where it is there', () => {
    const own = places(PROBE_TOPIC, [
      [1, 2, 3],
      [1, 3, 2],
    ]);
    const { topic, finding } = probeTopicOf(looked([...commands, ...own], { own: configs() }), 1);
    expect(finding.status).toBe('pass');
    expect(topic.spec).toBeUndefined();
    expect(topic.partitions.map(({ replicas }) => replicas)).toEqual([
      [1, 2, 3],
      [1, 3, 2],
    ]);
    expect(struckBy(topic.partitions, undefined)).toHaveLength(2);
  });

  it.each([
    ['with a lower min ISR', 'fail', { own: configs('1') }, undefined],
    ['with unclean elections', 'fail', { own: configs('2', 'true') }, undefined],
    ['whose configs were not read', 'inconclusive', {}, undefined],
    ['of which the victim leads nothing', 'fail', { own: configs() }, 2],
  ] as const)('refuses one %s', (_, status, change, victim) => {
    const own = places(PROBE_TOPIC, [[1, 2, 3]]);
    const { finding } = probeTopicOf(looked([...commands, ...own], change), victim);
    expect(finding).toMatchObject({ id: 'drill.kafka.probe', status });
  });

  it('refuses where it would have fewer replicas, and where the commands topic was not seen', () => {
    const thin = places(PROBE_TOPIC, [[1, 2]]);
    expect(probeTopicOf(looked([...commands, ...thin], { own: configs() })).finding.status).toBe('fail');
    expect(probeTopicOf(looked([])).finding.status).toBe('inconclusive');
    expect(probeTopicOf(looked(commands, { commands: undefined })).finding.status).toBe('inconclusive');
    expect(probeTopicOf(looked(commands, { commands: [] })).finding.status).toBe('inconclusive');
    expect(probeTopicOf(looked(commands, {}, 2)).finding.status).toBe('fail');
  });
});
