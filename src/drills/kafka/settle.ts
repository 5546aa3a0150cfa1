import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster, ClusterState, Topics } from '../../clients/kafka/ports.ts';
import { UpliftError } from '../../core/error.ts';
import { waitFor } from '../../core/wait.ts';
import { lookAtThrottles } from './throttles.ts';
import { diffTopology, type KafkaTopology, topologyOf } from './topology.ts';

/** How it is waited. */
export interface KafkaPace {
  readonly wait: typeof waitFor;
  readonly pause: (ms: number, signal?: AbortSignal) => Promise<unknown>;
}

export const KAFKA_PACE: KafkaPace = {
  wait: waitFor,
  pause: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
};

export interface SettlePorts {
  readonly cluster: Cluster;
  readonly topics: Topics;
  /** Default KAFKA_PACE; tests with a model of a cluster count looks instead of time. */
  readonly kafkaPace?: KafkaPace;
}

export const paceOf = ({ kafkaPace = KAFKA_PACE }: SettlePorts): KafkaPace => kafkaPace;

const LOOK_MS = 3000;

/**
 * Waits until these brokers are registered, not fenced, and answer themselves. The list alone is not enough: for the
 * length of its session a dead broker is still in it.
 */
export async function waitRegistered(
  ports: SettlePorts,
  brokers: readonly number[],
  timeoutMs: number,
): Promise<void> {
  const { cluster } = ports;
  await paceOf(ports).wait(
    async () => {
      // A broker that does not answer for itself is left out of this answer.
      const answered = await cluster.brokerConfigs(brokers, { timeoutMs: LOOK_MS });
      if (brokers.some((id) => !answered.has(id))) return false;
      return missing(await cluster.describe({ timeoutMs: LOOK_MS }), brokers).length === 0;
    },
    { what: `brokers ${brokers.join(', ')} registered and answering`, timeoutMs, intervalMs: 150 },
  );
}

/** Those of these brokers that the cluster does not list. */
export async function brokersAway(
  { cluster }: { readonly cluster: Pick<Cluster, 'describe'> },
  brokers: readonly number[],
): Promise<number[]> {
  return missing(await cluster.describe({ timeoutMs: LOOK_MS }), brokers);
}

function missing(state: ClusterState, brokers: readonly number[]): number[] {
  return brokers.filter((id) => !state.brokers.some((broker) => broker.id === id));
}

/** Waits until the ISR of every partition of the saved topology has everybody again that it had. */
export async function waitIsr(ports: SettlePorts, before: KafkaTopology, timeoutMs: number): Promise<void> {
  const { cluster } = ports;
  const isrOf = ({ partitions }: KafkaTopology): KafkaTopology['partitions'] =>
    partitions.map((place) => ({ ...place, leader: -1 }));
  const saved: KafkaTopology = { ...before, partitions: isrOf(before) };
  await paceOf(ports).wait(
    async () => {
      const now = topologyOf(await cluster.describe({ timeoutMs: LOOK_MS }));
      return diffTopology(saved, { ...now, partitions: isrOf(now) }).length === 0;
    },
    { what: 'every ISR full again', timeoutMs, intervalMs: 200 },
  );
}

/** Topics of uplift's own; a drill may have made one itself right before its fault. */
const OWN = '_uplift.';

/** Partitions of topics that were made during the fault, led by a stand-in. */
function appearedAway(before: KafkaTopology, now: KafkaTopology): KafkaTopology['partitions'] {
  const known = new Set(before.partitions.map(({ topic }) => topic));
  return now.partitions.filter(
    ({ topic, leader, replicas: [preferred] }) => !known.has(topic) && leader !== preferred,
  );
}

const inSync = ({ replicas: [preferred = -1], isr }: KafkaTopology['partitions'][number]): boolean =>
  isr.includes(preferred);

/**
 * Gives leadership back: preferred election for every partition whose leader is not the saved one, after its ISR is
 * full (an election before that would be refused or move leaders to a broker that still catches up). A topic that was
 * made meanwhile (a group's first commit makes `__consumer_offsets`) got its leaders without the victim: it is brought
 * to its preferred ones too where these are in sync (and waited for where the topic is our own), or the next drill would
 * refuse to begin.
 */
export async function restoreLeaders(
  ports: SettlePorts,
  before: KafkaTopology,
  timeoutMs: number,
): Promise<number> {
  const { cluster, topics } = ports;
  let elected = 0;
  await paceOf(ports).wait(
    async () => {
      const now = topologyOf(await cluster.describe({ timeoutMs: LOOK_MS }));
      const away = before.partitions.filter((was) => {
        const is = now.partitions.find((p) => p.topic === was.topic && p.partition === was.partition);
        return is !== undefined && is.leader !== was.leader && was.leader === was.replicas[0];
      });
      const appeared = appearedAway(before, now);
      const wanted = [...away, ...appeared.filter(inSync)];
      if (wanted.length === 0) return !appeared.some(({ topic }) => topic.startsWith(OWN));
      const results = await topics.electPreferred(wanted, { timeoutMs: LOOK_MS });
      elected += results.filter(({ result }) => result === 'elected').length;
      return false;
    },
    { what: 'leaders as before', timeoutMs, intervalMs: 200 },
  );
  return elected;
}

/** The differences that are left; empty means restored. */
export async function remainingDifferences(
  { cluster }: Pick<SettlePorts, 'cluster'>,
  before: KafkaTopology,
): Promise<string[]> {
  const now = topologyOf(await cluster.describe({ timeoutMs: LOOK_MS }));
  if (before.throttles === undefined) return diffTopology(before, now);
  // Only of what is there: what is gone is a difference already.
  const ids = now.brokers.map(({ id }) => id);
  const brokers = before.brokers.flatMap(({ id }) => (ids.includes(id) ? [id] : []));
  const topics = [...new Set(before.partitions.map(({ topic }) => topic))];
  const throttles = await lookAtThrottles(cluster, { brokers, topics }, LOOK_MS);
  return diffTopology(before, { ...now, throttles });
}

const STEADY_LOOKS = 4;
const STEADY_EVERY_MS = 250;

/**
 * Restored means: no difference in several looks one after another. A cluster that has not noticed yet what happened to
 * it looks restored once. Throws UPL-NOT-RESTORED naming what differs.
 */
export async function requireRestored(ports: SettlePorts, before: KafkaTopology): Promise<void> {
  for (let look = 0; look < STEADY_LOOKS; look += 1) {
    const differences = await remainingDifferences(ports, before);
    if (differences.length > 0) {
      const shown = differences.slice(0, 3).join('; ');
      throw new UpliftError('UPL-NOT-RESTORED', {
        message: `${differences.length} differences are left: ${shown}`,
      });
    }
    await paceOf(ports).pause(STEADY_EVERY_MS);
  }
}
