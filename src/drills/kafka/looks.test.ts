import { describe, expect, it } from 'vitest';
import type { Cluster, ClusterState, QuorumState } from '../../clients/kafka/ports.ts';
import { TOPICS } from '../../contract/records.ts';
import type { DrillPorts } from '../engine/drill.ts';
import { clusterFailure, looksOf } from './looks.ts';
import type { QuorumWatch } from './quorum.ts';
import { topologyOf } from './topology.ts';

const OFFSETS = '__consumer_offsets';
type Isrs = Readonly<Record<string, readonly number[]>>;

const stateOf = (isrs: Isrs, brokers: readonly number[] = [1, 2, 3]): ClusterState => ({
  clusterId: 'c',
  brokers: brokers.map((id) => ({ id, host: 'h', port: id, rack: null })),
  topics: Object.entries(isrs).map(([name, isr]) => ({
    ...{ name, id: name, internal: name.startsWith('__') },
    partitions: [
      { ...{ partition: 0, leader: 1, leaderEpoch: 0, offlineReplicas: [] }, replicas: [1, 2, 3], isr },
    ],
  })),
});

const WHOLE: Isrs = { [TOPICS.commands]: [1, 2, 3], [OFFSETS]: [1, 2, 3] };
const QUORUM: QuorumState = {
  ...{ leaderId: 1, leaderEpoch: 1 },
  voters: [1, 2, 3].map((id) => ({ id, logEndOffset: 5n, lastCaughtUpMs: 0 })),
};
const quiet: QuorumWatch = { look: async () => undefined, close: async () => undefined };

/** What `moved` says right before the fault on broker 1, of a cluster that was whole at the preflight. */
function moved(isrs: Isrs, over: Partial<Cluster> = {}): Promise<string | undefined> {
  const cluster: Partial<Cluster> = {
    describe: async () => stateOf(isrs),
    quorum: async () => QUORUM,
    topicConfigs: async (topics) =>
      new Map(topics.map((name) => [name, [{ name: 'min.insync.replicas', value: '2', own: false }]])),
    ...over,
  };
  const ports = {
    context: { cluster },
    clock: { nowMs: () => 0, monoNs: () => 0n },
  } as unknown as DrillPorts;
  const topology = topologyOf(stateOf(WHOLE));
  return looksOf(ports, { topology, declared: [TOPICS.commands], broker: 1, quorum: quiet }).moved();
}

describe('right before the fault', () => {
  it('the victim is struck where everything is as at the preflight', async () => {
    expect(await moved(WHOLE)).toBeUndefined();
  });

  it('it is not where a follower of an internal topic has fallen behind, also of one that was made meanwhile', async () => {
    for (const name of [OFFSETS, 'made.meanwhile'])
      expect(await moved({ ...WHOLE, [name]: [1] })).toBe(
        'it does not hold any more that every partition on the victim has all its replicas in sync, internal topics too: ' +
          `1 partitions lack in-sync replicas (${name}/0 ISR 1 of 1,2,3)`,
      );
  });

  it('it is not where another broker leads most by now', async () => {
    const state = stateOf(WHOLE);
    const led = state.topics.map((topic) => ({
      ...topic,
      partitions: topic.partitions.map((each) => ({ ...each, leader: 2 })),
    }));
    expect(await moved({}, { describe: async () => ({ ...state, topics: led }) })).toContain(
      'broker 2 leads most',
    );
  });

  it('it is not where the quorum or min ISR cannot be seen any more', async () => {
    const away = async (): Promise<never> => Promise.reject(new Error('no answer'));
    expect(await moved(WHOLE, { quorum: away })).toContain(
      'quorum keeps its majority without the victim: no answer',
    );
    expect(await moved(WHOLE, { topicConfigs: away })).toContain('min ISR without the victim');
  });
});

describe('a second failure of the cluster', () => {
  const cluster = (...brokers: number[]): Pick<Cluster, 'describe'> => ({
    describe: async () => stateOf(WHOLE, brokers),
  });
  const failing = { look: async (): Promise<never> => Promise.reject(new Error('nobody answers')) };

  it('is a broker beside the victim that is gone, whatever the quorum says', async () => {
    expect(await clusterFailure({ cluster: cluster(3), quorum: quiet }, [2, 3])).toBe(
      'broker 2 is gone as well',
    );
    expect(await clusterFailure({ cluster: cluster(3), quorum: failing }, [2, 3])).toBe(
      'broker 2 is gone as well',
    );
    expect(await clusterFailure({ cluster: cluster(2, 3), quorum: quiet }, [2, 3])).toBeUndefined();
  });

  it('is a quorum that fails although every broker is there', async () => {
    const quorum = { look: async () => 'voter 102 has not followed' };
    expect(await clusterFailure({ cluster: cluster(2, 3), quorum }, [2, 3])).toBe(
      'voter 102 has not followed',
    );
    await expect(clusterFailure({ cluster: cluster(2, 3), quorum: failing }, [2, 3])).rejects.toThrow(
      'nobody answers',
    );
  });

  it('has asked both before it answers, so that no question is asked while the last one goes on', async () => {
    let ended = false;
    const quorum = {
      look: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        ended = true;
        return undefined;
      },
    };
    const away = { describe: async (): Promise<never> => Promise.reject(new Error('no broker')) };
    await expect(clusterFailure({ cluster: away, quorum }, [2])).rejects.toThrow('no broker');
    expect(ended).toBe(true);
  });
});
