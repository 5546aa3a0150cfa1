import type { QuorumState } from '../../clients/kafka/ports.ts';
import type { Finding, FindingStatus } from '../../core/finding.ts';
import type { KafkaFacts } from '../../facts/kafka/cluster.ts';
import type { DesiredTopic } from '../../topics/section.ts';
import type { Held } from '../actuators/process.ts';
import { finding, victimAtHand } from '../engine/conditions.ts';
import type { KafkaTopology } from './topology.ts';

/** What every drill on Kafka looks at beside the ordinary checks. */
export interface KafkaLooked {
  readonly kafka: KafkaFacts;
  readonly topology: KafkaTopology;
  /** Runs that were started here and never restored. */
}

/** What the preflight of a drill on one broker looks at. */
export interface PreflightFacts extends KafkaLooked {
  readonly desired: readonly DesiredTopic[];
  readonly victim: number;
  /** What the actuator says of the victim, or why it has no hold of it. */
  readonly victimProcess: Held;
}

/** Pure: one finding per condition; the drill starts only when all pass. */
export function preflightOf<F extends KafkaLooked>(
  region: string,
  facts: F,
  conditions: readonly ((facts: F) => Finding)[],
): Finding[] {
  return conditions.map((judge) => ({ ...judge(facts), region }));
}

/** The conditions of a drill on one broker. */
export const BROKER_CONDITIONS: readonly ((facts: PreflightFacts) => Finding)[] = [
  quietCluster,
  preferredLeaders,
  headroom,
  quorumSurvives,
  ({ victim, victimProcess }) => victimAtHand(`broker ${victim}`, victimProcess),
];

/** Nobody moves partitions. */
export function quietCluster({ kafka }: KafkaLooked): Finding {
  const of = (status: FindingStatus, summary: string): Finding =>
    finding(
      'drill.kafka.quiet',
      'no partition is being moved',
      status,
      summary,
      'ListPartitionReassignments',
    );
  if (!kafka.reassignments.seen) return of('inconclusive', kafka.reassignments.reason);
  const moving = kafka.reassignments.value.length;
  return moving === 0 ? of('pass', 'no reassignment') : of('fail', `${moving} partitions are being moved`);
}

/** Leaders are where an election would put them back. */
export function preferredLeaders({ topology }: KafkaLooked): Finding {
  const away = topology.partitions.filter((place) => place.leader !== place.replicas[0]);
  const title = 'every partition is led by its preferred replica, so that leadership can be put back';
  const of = (status: FindingStatus, summary: string, next?: string): Finding =>
    finding('drill.kafka.preferred', title, status, summary, 'Metadata', next);
  if (away.length === 0)
    return of('pass', `${topology.partitions.length} partitions on their preferred leader`);
  const names = away.slice(0, 3).map(({ topic, partition }) => `${topic}/${partition}`);
  return of(
    'fail',
    `${away.length} partitions are not (${names.join(', ')})`,
    'kafka-leader-election.sh --election-type preferred --all-topic-partitions',
  );
}

/** Losing the victim must leave every partition it replicates at or above min ISR (blueprint §3: RF 3, min ISR 2). */
function headroom({ topology, desired, victim, kafka }: PreflightFacts): Finding {
  const title = 'no partition falls under min ISR without the victim';
  const of = (status: FindingStatus, summary: string): Finding =>
    finding('drill.kafka.headroom', title, status, summary, 'Metadata + DescribeConfigs');
  if (!kafka.topicConfigs.seen) return of('inconclusive', kafka.topicConfigs.reason);
  const minIsr = new Map(
    [...kafka.topicConfigs.value].map(([name, entries]) => [
      name,
      Number(entries.find((e) => e.name === 'min.insync.replicas')?.value),
    ]),
  );
  const declared = topology.partitions.filter(({ topic }) => desired.some(({ name }) => name === topic));
  if (declared.length === 0)
    return of('inconclusive', 'none of the declared topics exists: nothing was examined');
  const short = declared.filter(
    (p) => p.isr.includes(victim) && !(p.isr.length - 1 >= (minIsr.get(p.topic) ?? Number.NaN)),
  );
  return short.length === 0
    ? of('pass', `${declared.length} partitions keep their min ISR`)
    : of('fail', `${short.length} partitions would stop taking writes`);
}

function quorumSurvives({ kafka, victim }: PreflightFacts): Finding {
  const title = 'the metadata quorum keeps its majority without the victim';
  const of = (status: FindingStatus, summary: string): Finding =>
    finding('drill.kafka.quorum', title, status, summary, 'DescribeQuorum');
  if (!kafka.quorum.seen) return of('inconclusive', kafka.quorum.reason);
  const { voters } = kafka.quorum.value;
  const left = caughtUp(kafka.quorum.value).filter((id) => id !== victim).length;
  const needed = Math.floor(voters.length / 2) + 1;
  const summary = `${left} of ${voters.length} voters left, ${needed} needed`;
  return left >= needed ? of('pass', summary) : of('fail', summary);
}

const VOTER_BEHIND_RECORDS = 1000n;

/** Voters whose log end is close to the furthest one: a voter far behind does not count as a survivor. */
function caughtUp({ voters }: QuorumState): number[] {
  const furthest = voters.reduce((max, { logEndOffset }) => (logEndOffset > max ? logEndOffset : max), 0n);
  return voters
    .filter(({ logEndOffset }) => furthest - logEndOffset < VOTER_BEHIND_RECORDS)
    .map(({ id }) => id);
}
