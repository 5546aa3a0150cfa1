import type { Finding, FindingStatus } from '../../core/finding.ts';
import type { KafkaFacts } from '../../facts/kafka/cluster.ts';
import type { Held } from '../actuators/process.ts';
import { finding, victimAtHand } from '../engine/conditions.ts';
import { headroom, wholeIsr } from './isr.ts';
import { followingVoters } from './quorum.ts';
import type { KafkaTopology } from './topology.ts';

/** What every drill on Kafka looks at beside the ordinary checks. */
export interface KafkaLooked {
  /** `topicConfigs`: of every topic of the cluster. */
  readonly kafka: KafkaFacts;
  readonly topology: KafkaTopology;
  /** Why the throttles that have to be found again could not be read; absent: they were. */
  readonly throttlesUnread?: string | undefined;
}

/** What the preflight of a drill on one broker looks at. */
export interface PreflightFacts extends KafkaLooked {
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
  throttlesRead,
  wholeIsr,
  headroom,
  quorumSurvives,
  ({ victim, victimProcess }) => victimAtHand(`broker ${victim}`, victimProcess),
];

/** Those that are looked at again right before the fault: topics may have been made and followers fallen behind meanwhile. */
export const STILL_CONDITIONS = [wholeIsr, headroom, quorumSurvives] as const;

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

/** What cannot be read cannot be compared afterwards. */
export function throttlesRead({ topology, throttlesUnread }: KafkaLooked): Finding {
  const title = 'throttles of replication can be read, to be found again as they are';
  const of = (status: FindingStatus, summary: string): Finding =>
    finding('drill.kafka.throttles', title, status, summary, 'DescribeConfigs');
  if (topology.throttles === undefined) return of('inconclusive', throttlesUnread ?? 'not read');
  return of('pass', topology.throttles.length === 0 ? 'none is set' : `${topology.throttles.length} are set`);
}

/** Pure: enough voters follow without the victim. */
export function quorumSurvives({
  kafka,
  victim,
}: {
  readonly kafka: Pick<KafkaFacts, 'quorum'>;
  readonly victim: number;
}): Finding {
  const title = 'the metadata quorum keeps its majority without the victim';
  const of = (status: FindingStatus, summary: string): Finding =>
    finding('drill.kafka.quorum', title, status, summary, 'DescribeQuorum');
  if (!kafka.quorum.seen) return of('inconclusive', kafka.quorum.reason);
  const { voters } = kafka.quorum.value;
  const left = followingVoters(kafka.quorum.value).filter((id) => id !== victim).length;
  const needed = Math.floor(voters.length / 2) + 1;
  const summary = `${left} of ${voters.length} voters left, ${needed} needed`;
  return left >= needed ? of('pass', summary) : of('fail', summary);
}
