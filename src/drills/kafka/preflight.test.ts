import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConfigEntry, QuorumState } from '../../clients/kafka/ports.ts';
import { TOPICS } from '../../contract/records.ts';
import type { Finding } from '../../core/finding.ts';
import type { KafkaFacts } from '../../facts/kafka/cluster.ts';
import type { Observed } from '../../facts/observed.ts';
import { notMet } from '../engine/refuse.ts';
import { BROKER_CONDITIONS, type PreflightFacts, preflightOf } from './preflight.ts';
import type { PartitionPlace } from './topology.ts';

const seen = <T>(value: T): Observed<T> => ({ seen: true, atMs: 0, value });
const away = { seen: false, atMs: 0, reason: 'no answer' } as const;
const minIsr = (value: string | null): ConfigEntry[] => [{ name: 'min.insync.replicas', value, own: false }];
const OFFSETS = '__consumer_offsets';

const place = (topic: string, over: Partial<PartitionPlace> = {}): PartitionPlace => ({
  ...{ topic, topicId: topic, partition: 0, leader: 1, replicas: [1, 2, 3], isr: [1, 2, 3] },
  ...over,
});

const QUORUM: QuorumState = {
  ...{ leaderId: 1, leaderEpoch: 1 },
  voters: [1, 2, 3].map((id) => ({ id, logEndOffset: 5n, lastCaughtUpMs: 100_000 })),
};

/** A healthy cluster of three brokers with an internal topic that nobody declares; broker 1 is the victim. */
function facts(
  partitions: readonly PartitionPlace[] = [place(TOPICS.commands), place(OFFSETS)],
  configs: Readonly<Record<string, ConfigEntry[]>> = {
    [TOPICS.commands]: minIsr('2'),
    [OFFSETS]: minIsr('2'),
  },
  over: Partial<KafkaFacts> = {},
): PreflightFacts {
  return {
    kafka: {
      ...{ state: away, silent: [], quorum: seen(QUORUM), reassignments: seen([]) },
      topicConfigs: seen(new Map(Object.entries(configs))),
      ...over,
    },
    topology: {
      clusterId: 'c',
      brokers: [1, 2, 3].map((id) => ({ id, rack: `az-${id}` })),
      partitions,
      throttles: [],
    },
    victim: 1,
    victimProcess: { ok: true, text: 'it runs' },
  };
}

const bad = (all: PreflightFacts): Finding[] => notMet(preflightOf('here', all, BROKER_CONDITIONS));
const summaries = (all: PreflightFacts): [string, string, string][] =>
  bad(all).map(({ id, status, summary }) => [id, status, summary]);

describe('the conditions of a drill on one broker', () => {
  it('are met by a healthy cluster', () => {
    expect(bad(facts())).toEqual([]);
  });

  it('refuse where the victim is the last replica in sync of a topic that nobody declares', () => {
    expect(summaries(facts([place(TOPICS.commands), place(OFFSETS, { isr: [1] })]))).toEqual([
      ['drill.kafka.isr', 'fail', '1 partitions lack in-sync replicas (__consumer_offsets/0 ISR 1 of 1,2,3)'],
      [
        'drill.kafka.headroom',
        'fail',
        '1 partitions would stop taking writes (__consumer_offsets/0 ISR 1 of 1,2,3, min ISR 2)',
      ],
    ]);
  });

  it('refuse an ISR that is short of the victim alone, which would be saved as what has to come back', () => {
    expect(
      bad(facts([place(OFFSETS, { leader: 2, replicas: [2, 1, 3], isr: [2, 3] })])).map(({ id }) => id),
    ).toEqual(['drill.kafka.isr']);
  });

  it('let an ISR be short where the victim has no replica', () => {
    const elsewhere = place('other', { leader: 2, replicas: [2, 3], isr: [2] });
    expect(bad(facts([place(TOPICS.commands), elsewhere]))).toEqual([]);
  });

  it('name what has its only replica on the victim', () => {
    const alone = place('scratch', { partition: 7, replicas: [1], isr: [1] });
    const configs = { [TOPICS.commands]: minIsr('2'), scratch: minIsr('1') };
    expect(summaries(facts([place(TOPICS.commands), alone], configs))[0]).toEqual([
      'drill.kafka.isr',
      'fail',
      '1 partitions have their only replica on the victim (scratch/7)',
    ]);
  });

  it('refuse a topic whose min ISR is all of its replicas', () => {
    const configs = { [TOPICS.commands]: minIsr('2'), [OFFSETS]: minIsr('3') };
    expect(summaries(facts(undefined, configs))).toEqual([
      [
        'drill.kafka.headroom',
        'fail',
        '1 partitions would stop taking writes (__consumer_offsets/0 ISR 1,2,3 of 1,2,3, min ISR 3)',
      ],
    ]);
  });

  it.each([
    ['is not among the configs', {}],
    ['has no value', { [OFFSETS]: minIsr(null) }],
    ['has a value that is no number', { [OFFSETS]: minIsr('') }],
    ['is not among its configs', { [OFFSETS]: [] }],
  ])('refuse a topic whose min ISR %s', (_how, configs) => {
    expect(summaries(facts(undefined, { [TOPICS.commands]: minIsr('2'), ...configs }))).toEqual([
      ['drill.kafka.headroom', 'inconclusive', 'min.insync.replicas was not seen of __consumer_offsets'],
    ]);
  });

  it('refuse where nothing could be seen of configs, quorum, moves, throttles or the victim', () => {
    const nothing = facts(
      [place(TOPICS.commands)],
      {},
      { topicConfigs: away, quorum: away, reassignments: away },
    );
    const { throttles: _unread, ...topology } = nothing.topology;
    const unread = { ...nothing, topology, victim: 9, throttlesUnread: 'no rights' };
    expect(bad(unread).map(({ id, status }) => `${id} ${status}`)).toEqual([
      'drill.kafka.quiet inconclusive',
      'drill.kafka.throttles inconclusive',
      'drill.kafka.isr inconclusive',
      'drill.kafka.headroom inconclusive',
      'drill.kafka.quorum inconclusive',
    ]);
  });

  it('do not count a voter as a survivor that has long stopped to follow', () => {
    const [one, two, three] = QUORUM.voters;
    if (one === undefined || two === undefined || three === undefined) throw new TypeError('three voters');
    const voters = [one, two, { ...three, lastCaughtUpMs: 80_000 }];
    expect(summaries(facts(undefined, undefined, { quorum: seen({ ...QUORUM, voters }) }))).toEqual([
      ['drill.kafka.quorum', 'fail', '1 of 3 voters left, 2 needed'],
    ]);
  });
});

const partitions: fc.Arbitrary<PartitionPlace[]> = fc.array(
  fc
    .record({
      topic: fc.constantFrom(TOPICS.commands, OFFSETS, 'undeclared'),
      replicas: fc.shuffledSubarray([1, 2, 3, 4], { minLength: 1 }),
      out: fc.subarray([1, 2, 3, 4]),
    })
    .map(({ topic, replicas, out }) => {
      const [leader = -1, ...followers] = replicas;
      return {
        ...place(topic),
        leader,
        replicas,
        isr: [leader, ...followers.filter((id) => !out.includes(id))],
      };
    }),
  { minLength: 1, maxLength: 8 },
);

it('what passes keeps a leader and its min ISR everywhere without the victim, and what does not is named', () => {
  fc.assert(
    fc.property(partitions, fc.integer({ min: 1, max: 3 }), (all, needed) => {
      const places = all.map((each, partition) => ({ ...each, partition }));
      const names = [...new Set(places.map(({ topic }) => topic))];
      const configs = Object.fromEntries(names.map((name) => [name, minIsr(String(needed))]));
      const findings = bad(facts(places, configs));
      const held = places.filter(({ replicas }) => replicas.includes(1));
      const lost = held.filter(
        ({ replicas, isr }) =>
          isr.filter((id) => id !== 1).length < needed ||
          isr.length < replicas.length ||
          replicas.length === 1,
      );
      expect(findings.length === 0).toBe(held.length > 0 && lost.length === 0);
      const text = findings.map(({ summary }) => summary).join();
      if (lost.length <= 3)
        for (const each of lost) expect(text).toContain(`${each.topic}/${each.partition}`);
    }),
  );
});
