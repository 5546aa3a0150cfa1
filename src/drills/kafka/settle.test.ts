import { describe, expect, it } from 'vitest';
import type { Cluster, ClusterState, TopicState, Topics } from '../../clients/kafka/ports.ts';
import { remainingDifferences, restoreLeaders, waitIsr, waitRegistered } from './settle.ts';
import { topologyOf } from './topology.ts';

const state = (...ids: number[]): ClusterState => ({
  clusterId: 'c',
  brokers: ids.map((id) => ({ id, host: 'h', port: id, rack: null })),
  topics: [],
});

/** A cluster that lists some brokers and hears some of them, look by look; the last look stays. */
function looks(...seen: readonly { readonly listed: number[]; readonly answering: number[] }[]) {
  let at = 0;
  const now = () => seen[Math.min(at, seen.length - 1)] ?? { listed: [], answering: [] };
  const cluster: Pick<Cluster, 'describe' | 'brokerConfigs'> = {
    brokerConfigs: async (ids) =>
      new Map(ids.filter((id) => now().answering.includes(id)).map((id) => [id, []])),
    describe: async () => state(...now().listed),
  };
  const wait = (timeoutMs: number): Promise<void> =>
    waitRegistered({ cluster: cluster as Cluster, topics: undefined as never }, [1, 2], timeoutMs);
  return { wait, step: () => (at += 1), looked: () => at };
}

describe('waiting for brokers to be back', () => {
  it('does not believe the list: for the length of its session a dead broker is still in it', async () => {
    const { wait } = looks({ listed: [1, 2], answering: [2] });
    await expect(wait(20)).rejects.toMatchObject({
      code: 'UPL-DEADLINE',
      message: expect.stringContaining('brokers 1, 2 registered and answering'),
    });
  });

  it('does not believe an answer alone: a fenced broker answers too', async () => {
    const { wait } = looks({ listed: [2], answering: [1, 2] });
    await expect(wait(20)).rejects.toMatchObject({ code: 'UPL-DEADLINE' });
  });

  it('ends when each is in the list and answers itself', async () => {
    const cluster = looks(
      { listed: [1, 2], answering: [2] },
      { listed: [2], answering: [1, 2] },
      { listed: [1, 2], answering: [1, 2] },
    );
    const stepping = setInterval(cluster.step, 20);
    await cluster.wait(5000);
    clearInterval(stepping);
    expect(cluster.looked()).toBeGreaterThan(1);
  });
});

describe('giving leadership back', () => {
  const topic = (name: string, leader: number, isr: readonly number[]): TopicState => ({
    name,
    id: name,
    internal: false,
    partitions: [{ partition: 0, leader, leaderEpoch: 0, replicas: [1, 2, 3], isr, offlineReplicas: [] }],
  });

  it('reaches topics that were made during the fault, where their preferred replica is in sync', async () => {
    const before = topologyOf({ ...state(1, 2, 3), topics: [topic('known', 1, [1, 2, 3])] });
    let leader = 2;
    const asked: string[][] = [];
    const cluster: Pick<Cluster, 'describe'> = {
      describe: async () => ({
        ...state(1, 2, 3),
        topics: [
          topic('known', leader, [1, 2, 3]),
          topic('made', leader, [1, 2, 3]),
          topic('behind', 2, [2, 3]),
        ],
      }),
    };
    const topics: Pick<Topics, 'electPreferred'> = {
      electPreferred: async (partitions) => {
        asked.push(partitions.map((one) => one.topic));
        leader = 1;
        return partitions.map((one) => ({ ...one, result: 'elected' }));
      },
    };
    const ports = { cluster: cluster as Cluster, topics: topics as Topics };
    expect(await restoreLeaders(ports, before, 5000)).toBe(2);
    expect(asked).toEqual([['known', 'made']]);
  });

  it('waits for the preferred replica of a topic of our own, and for no other that was made meanwhile', async () => {
    const before = topologyOf(state(1, 2, 3));
    const isrs = [
      [2, 3],
      [2, 3],
      [1, 2, 3],
    ];
    let leader = 2;
    let looks = 0;
    const cluster: Pick<Cluster, 'describe'> = {
      describe: async () => {
        const isr = isrs[Math.min(looks++, 2)] ?? [];
        return {
          ...state(1, 2, 3),
          topics: [topic('_uplift.probe', leader, isr), topic('behind', 2, [2, 3])],
        };
      },
    };
    const topics: Pick<Topics, 'electPreferred'> = {
      electPreferred: async (partitions) => {
        leader = 1;
        return partitions.map((one) => ({ ...one, result: 'elected' }));
      },
    };
    const ports = { cluster: cluster as Cluster, topics: topics as Topics };
    expect(await restoreLeaders(ports, before, 5000)).toBe(1);
    expect(looks).toBe(4);
  });
});

describe('what is left to put back', () => {
  const seen = (isr: readonly number[]): ClusterState => ({
    ...state(1, 2, 3),
    topics: [
      {
        ...{ name: 't', id: 'T', internal: false },
        partitions: [
          { ...{ partition: 0, leader: 1, leaderEpoch: 0, offlineReplicas: [] }, replicas: [1, 2, 3], isr },
        ],
      },
    ],
  });
  const clusterOf = (isr: readonly number[], over: Partial<Cluster> = {}): Cluster =>
    ({ describe: async () => seen(isr), ...over }) as Cluster;

  it('is not an ISR that was short and has healed meanwhile: it is not waited for to be short again', async () => {
    const before = topologyOf(seen([1, 3]));
    const cluster = clusterOf([1, 2, 3]);
    await waitIsr({ cluster, topics: undefined as never }, before, 100);
    expect(await remainingDifferences({ cluster }, before)).toEqual([]);
  });

  it('is an ISR that lacks one that it had, however many others it has', async () => {
    const before = topologyOf(seen([1, 3]));
    const cluster = clusterOf([1, 2]);
    await expect(waitIsr({ cluster, topics: undefined as never }, before, 20)).rejects.toMatchObject({
      code: 'UPL-DEADLINE',
    });
    expect(await remainingDifferences({ cluster }, before)).toEqual(['t/0 ISR is 1,2, was 1,3']);
  });

  it('is a throttle that was not there before, of a broker or of a topic', async () => {
    const before = { ...topologyOf(seen([1, 2, 3])), throttles: [] };
    const rate = { name: 'leader.replication.throttled.rate', value: '1000', own: true };
    const replicas = { name: 'follower.replication.throttled.replicas', value: '*', own: true };
    const configs = (ofBroker: readonly (typeof rate)[]): Partial<Cluster> => ({
      brokerConfigs: async (ids) => new Map(ids.map((id) => [id, id === 2 ? ofBroker : []])),
      topicConfigs: async (topics) => new Map(topics.map((name) => [name, [replicas]])),
    });
    expect(await remainingDifferences({ cluster: clusterOf([1, 2, 3], configs([rate])) }, before)).toEqual([
      'broker 2: leader.replication.throttled.rate is 1000, was not set',
      'topic t: follower.replication.throttled.replicas is *, was not set',
    ]);
    const hidden: Partial<Cluster> = { ...configs([]), brokerConfigs: async () => new Map([[1, []]]) };
    await expect(remainingDifferences({ cluster: clusterOf([1, 2, 3], hidden) }, before)).rejects.toThrow(
      'throttles of broker 2, 3 were not read',
    );
  });
});
