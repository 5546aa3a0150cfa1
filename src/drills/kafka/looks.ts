import { openCluster } from '../../clients/kafka/index.ts';
import type { Cluster } from '../../clients/kafka/ports.ts';
import { observe } from '../../facts/observed.ts';
import type { DrillPorts, FaultWatch, Prepared } from '../engine/drill.ts';
import { notMet } from '../engine/refuse.ts';
import { lookAtTopicConfigs } from './isr.ts';
import { watchLeadership } from './leadership.ts';
import type { Looked } from './look.ts';
import { STILL_CONDITIONS } from './preflight.ts';
import { electionBoundMs, followingVoters, type QuorumWatch, watchQuorum } from './quorum.ts';
import { brokersAway, remainingDifferences } from './settle.ts';
import { type KafkaTopology, keyOf, leadsMost, ledBy, topologyOf } from './topology.ts';

export const LOOK_EVERY_MS = 100;
const LOOK_MS = 3000;

type Looks = Pick<Prepared, 'moved' | 'watch' | 'secondFailure' | 'differences'>;

/** The looks of a drill on one broker after its preflight, each a fresh one at the cluster. */
export function looksOf(
  { context: { cluster }, clock }: Pick<DrillPorts, 'context' | 'clock'>,
  chosen: {
    readonly topology: KafkaTopology;
    readonly declared: readonly string[];
    readonly broker: number;
    readonly quorum: QuorumWatch;
  },
): Looks {
  const { topology, declared, broker, quorum } = chosen;
  const led = ledBy(topology, broker);
  const others = topology.brokers.flatMap(({ id }) => (id === broker ? [] : [id]));
  return {
    moved: () => movedSince(cluster, { declared, broker, nowMs: () => clock.nowMs() }),
    watch(deadlineMs) {
      const leadership = watchLeadership({
        cluster,
        monoNs: () => clock.monoNs(),
        victim: broker,
        ledByVictim: new Set(led.map(keyOf)),
        topics: [...new Set(led.map(({ topic }) => topic))],
        intervalMs: LOOK_EVERY_MS,
        deadlineMs,
      });
      return closing(leadership, quorum);
    },
    secondFailure: () => clusterFailure({ cluster, quorum }, others),
    differences: () => remainingDifferences({ cluster }, topology),
  };
}

/** The watch of the quorum beside a fault; `victim` undefined: none of its voters is struck. */
export function quorumWatchOf(
  { kafka: target, clock }: Pick<DrillPorts, 'kafka' | 'clock'>,
  { kafka: { quorum }, brokerConfigs }: Pick<Looked, 'kafka' | 'brokerConfigs'>,
  victim?: number,
): QuorumWatch {
  const configs = brokerConfigs.seen ? [...brokerConfigs.value.values()] : [];
  // Who did not follow before is no second failure.
  const following = quorum.seen ? followingVoters(quorum.value) : [];
  return watchQuorum({
    open: () => openCluster(target),
    monoNs: () => clock.monoNs(),
    voters: following.filter((id) => id !== victim),
    // No shorter than by default: a machine that is busy is no failure.
    boundMs: Math.max(electionBoundMs([]), ...configs.map(electionBoundMs)),
  });
}

/** The watch, and the quorum's connections closed with it. */
export function closing(watch: FaultWatch, quorum: Pick<QuorumWatch, 'close'>): FaultWatch {
  return { ...watch, stop: async () => void (await Promise.all([watch.stop(), quorum.close()])) };
}

/**
 * What fails in the cluster beside what the drill does to it: one of these brokers is away, or the quorum. The two looks go
 * on side by side, and both have ended when this answers.
 */
export async function clusterFailure(
  ports: { readonly cluster: Pick<Cluster, 'describe'>; readonly quorum: Pick<QuorumWatch, 'look'> },
  brokers: readonly number[],
): Promise<string | undefined> {
  const [away, trouble] = await Promise.allSettled([brokersAway(ports, brokers), ports.quorum.look()]);
  if (away.status === 'rejected') throw away.reason;
  if (away.value.length > 0) return `broker ${away.value.join(', ')} is gone as well`;
  if (trouble.status === 'rejected') throw trouble.reason;
  return trouble.value;
}

/** Why the victim must not be struck any more, by the looks of the preflight taken again; or undefined. */
async function movedSince(
  cluster: Cluster,
  victim: { readonly declared: readonly string[]; readonly broker: number; readonly nowMs: () => number },
): Promise<string | undefined> {
  const { declared, broker, nowMs } = victim;
  const topology = topologyOf(await cluster.describe({ timeoutMs: LOOK_MS }));
  const most = leadsMost(topology, declared)?.broker;
  if (most !== broker)
    return `broker ${most ?? 'none'} leads most partitions now, it was broker ${broker} at the preflight`;
  const [topicConfigs, quorum] = await Promise.all([
    lookAtTopicConfigs(cluster, topology, { nowMs, timeoutMs: LOOK_MS }),
    observe(nowMs, () => cluster.quorum({ timeoutMs: LOOK_MS })),
  ]);
  const facts = { topology, victim: broker, kafka: { topicConfigs, quorum } };
  const [bad] = notMet(STILL_CONDITIONS.map((judge) => judge(facts)));
  return bad === undefined ? undefined : `it does not hold any more that ${bad.title}: ${bad.summary}`;
}
