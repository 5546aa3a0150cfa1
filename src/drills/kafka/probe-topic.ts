import type { Cluster, ConfigEntry, TopicSpec } from '../../clients/kafka/ports.ts';
import { TOPICS } from '../../contract/records.ts';
import type { Finding, FindingStatus } from '../../core/finding.ts';
import type { KafkaFacts } from '../../facts/kafka/cluster.ts';
import { assignReplicas } from '../../topics/assignment.ts';
import { finding } from '../engine/conditions.ts';
import type { KafkaTopology } from './topology.ts';

/** What the store probe writes to; made by the first drill that needs it. */
export const PROBE_TOPIC = '_uplift.probe';

/** Longer than any drill, so that nothing of a run ends by itself; what a killed run left is gone after that. */
const RETENTION_MS = 86_400_000;
const ROLL_MS = 3_600_000;
/** Each of them must get enough writes for a loss to show. */
const MOST_PARTITIONS = 200;
/** Effective configs of the commands topic that decide whether an acknowledged record can be lost. */
const DURABILITY = ['min.insync.replicas', 'unclean.leader.election.enable'] as const;
const REMOVE = `kafka-topics.sh --delete --topic ${PROBE_TOPIC}`;

/** One partition that the probe writes to. */
export interface ProbePartition {
  readonly partition: number;
  /** The preferred leader first, which leads before the fault. */
  readonly replicas: readonly number[];
}

export interface ProbeTopic {
  readonly partitions: readonly ProbePartition[];
  /** How it will be made; absent: it is there. */
  readonly spec?: TopicSpec;
}

/** What was seen of the topic that the platform writes to and of the probe's own. */
export interface ProbeLooked {
  readonly topology: KafkaTopology;
  /** Configs of the commands topic; undefined: not read. */
  readonly commands: readonly ConfigEntry[] | undefined;
  /** Configs of the probe topic; undefined: not read, or there is none. */
  readonly own: readonly ConfigEntry[] | undefined;
}

/** Looks at the configs that the probe topic has or gets. Never throws: what could not be read is undefined. */
export async function lookAtProbeTopic(
  cluster: Cluster,
  { topicConfigs }: Pick<KafkaFacts, 'topicConfigs'>,
  topology: KafkaTopology,
  timeoutMs: number,
): Promise<ProbeLooked> {
  const own = await cluster.topicConfigs([PROBE_TOPIC], { timeoutMs }).catch(() => undefined);
  return {
    topology,
    commands: topicConfigs.seen ? topicConfigs.value.get(TOPICS.commands) : undefined,
    own: own?.get(PROBE_TOPIC),
  };
}

/**
 * Pure: the topic as it is, or as it will be made: as many partitions (200 at most) and replicas as the commands topic, kept
 * as safely, leaders level over all brokers. And whether a loss by `victim` could show in it (undefined: any broker).
 */
export function probeTopicOf(
  looked: ProbeLooked,
  victim?: number,
): { readonly topic: ProbeTopic; readonly finding: Finding } {
  const { topology, commands, own } = looked;
  const written = topology.partitions.filter(({ topic }) => topic === TOPICS.commands);
  const there = topology.partitions.filter(({ topic }) => topic === PROBE_TOPIC);
  const needed = Math.max(0, ...written.map(({ replicas }) => replicas.length));
  if (written.length === 0 || commands === undefined)
    return none('inconclusive', `${TOPICS.commands} or its configs were not seen`);
  if (there.length === 0) return planned(topology, { count: written.length, needed, commands, victim });
  const topic = { partitions: there.map(({ partition, replicas }) => ({ partition, replicas })) };
  if (own === undefined) return { topic, finding: probeFinding('inconclusive', 'its configs were not read') };
  const weak = DURABILITY.find((name) => configOf(own, name) !== configOf(commands, name));
  if (weak !== undefined) {
    const values = `${weak} is ${configOf(own, weak)}, ${configOf(commands, weak)} on ${TOPICS.commands}`;
    return { topic, finding: probeFinding('fail', values, REMOVE) };
  }
  const thin = there.filter(({ replicas }) => replicas.length !== needed).length;
  if (thin > 0) {
    const text = `${thin} partitions have not ${needed} replicas, as ${TOPICS.commands} has`;
    return { topic, finding: probeFinding('fail', text, REMOVE) };
  }
  return { topic, finding: struckFinding(topic.partitions, victim, '') };
}

function planned(
  topology: KafkaTopology,
  wanted: {
    readonly count: number;
    readonly needed: number;
    readonly commands: readonly ConfigEntry[];
    readonly victim: number | undefined;
  },
): { readonly topic: ProbeTopic; readonly finding: Finding } {
  const { count, needed, commands, victim } = wanted;
  // Level by itself, whatever the brokers lead already: every one of them must have something to lose.
  const free = topology.brokers.map((broker) => ({ ...broker, replicas: 0, leaders: 0 }));
  const assignment = assignReplicas(free, Math.min(count, MOST_PARTITIONS), needed);
  if (assignment === undefined) return none('fail', `${needed} replicas need as many brokers`);
  const durability = DURABILITY.map((name) => [name, configOf(commands, name)] as const);
  const unread = durability.find(([, value]) => value === null);
  if (unread !== undefined) return none('inconclusive', `${unread[0]} of ${TOPICS.commands} was not seen`);
  const configs = {
    ...Object.fromEntries(durability.map(([name, value]) => [name, value ?? ''])),
    'retention.ms': String(RETENTION_MS),
    'segment.ms': String(ROLL_MS),
  };
  const partitions = assignment.map((replicas, partition) => ({ partition, replicas }));
  const spec = { name: PROBE_TOPIC, assignment, configs };
  return { topic: { partitions, spec }, finding: struckFinding(partitions, victim, ', to be made') };
}

function struckFinding(
  partitions: readonly ProbePartition[],
  victim: number | undefined,
  made: string,
): Finding {
  const struck = struckBy(partitions, victim).length;
  if (struck === 0) return probeFinding('fail', `the victim leads no partition of ${PROBE_TOPIC}`, REMOVE);
  return probeFinding('pass', `${struck} of ${partitions.length} partitions are struck${made}`);
}

/** Pure: the partitions that `victim` leads (undefined: all of them). */
export function struckBy(
  partitions: readonly ProbePartition[],
  victim: number | undefined,
): readonly ProbePartition[] {
  return partitions.filter(({ replicas: [leader] }) => victim === undefined || leader === victim);
}

function configOf(configs: readonly ConfigEntry[], name: string): string | null {
  return configs.find((entry) => entry.name === name)?.value ?? null;
}

function none(status: FindingStatus, text: string): { topic: ProbeTopic; finding: Finding } {
  return { topic: { partitions: [] }, finding: probeFinding(status, text) };
}

function probeFinding(status: FindingStatus, text: string, next?: string): Finding {
  const title = `the store probe writes to ${PROBE_TOPIC} as safely as the platform writes`;
  return finding('drill.kafka.probe', title, status, text, 'Metadata + DescribeConfigs', next);
}
