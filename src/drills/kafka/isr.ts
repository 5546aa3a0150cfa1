import type { Cluster, ConfigEntry } from '../../clients/kafka/ports.ts';
import type { Finding, FindingStatus } from '../../core/finding.ts';
import type { KafkaFacts } from '../../facts/kafka/cluster.ts';
import { type Observed, observe } from '../../facts/observed.ts';
import { finding } from '../engine/conditions.ts';
import { TOPIC_THROTTLES } from './throttles.ts';
import { type KafkaTopology, keyOf, type PartitionPlace } from './topology.ts';

const MIN_ISR = 'min.insync.replicas';
/** So many partitions or topics are named; the rest is counted. */
const NAMED = 3;

/** What is asked of everything that has a replica on the victim, whether uplift.yaml declares it or not. */
export interface VictimFacts {
  readonly topology: KafkaTopology;
  readonly victim: number;
  /** `topicConfigs`: of every topic of the cluster, internal ones too. */
  readonly kafka: Pick<KafkaFacts, 'topicConfigs'>;
}

/** The configs of every topic of a cluster that a drill judges or has to find again. */
export function lookAtTopicConfigs(
  cluster: Pick<Cluster, 'topicConfigs'>,
  { partitions }: KafkaTopology,
  { nowMs, timeoutMs }: { readonly nowMs: () => number; readonly timeoutMs: number },
): Promise<Observed<ReadonlyMap<string, readonly ConfigEntry[]>>> {
  const topics = [...new Set(partitions.map(({ topic }) => topic))];
  return observe(nowMs, () =>
    cluster.topicConfigs(topics, { timeoutMs, only: [MIN_ISR, ...TOPIC_THROTTLES] }),
  );
}

/**
 * Pure: every partition on the victim has another replica, and all of them in sync. One that lacks some would lose its last
 * copy with the victim, or be saved as something that has to be put back.
 */
export function wholeIsr({ topology, victim }: Omit<VictimFacts, 'kafka'>): Finding {
  const title = 'every partition on the victim has all its replicas in sync, internal topics too';
  const of = (status: FindingStatus, summary: string, next?: string): Finding =>
    finding('drill.kafka.isr', title, status, summary, 'Metadata', next);
  const held = heldBy(topology, victim);
  if (held.length === 0) return of('inconclusive', `broker ${victim} has no replica: nothing was examined`);
  const alone = held.filter(({ replicas }) => replicas.length === 1);
  const short = held.filter(({ replicas, isr }) => replicas.some((id) => !isr.includes(id)));
  const problems = [
    ...named(alone, 'have their only replica on the victim', keyOf),
    ...named(short, 'lack in-sync replicas', isrText),
  ];
  if (problems.length === 0)
    return of('pass', `${held.length} partitions on broker ${victim}, every ISR full`);
  const next = short.length > 0 ? 'kafka-topics.sh --describe --under-replicated-partitions' : undefined;
  return of('fail', problems.join('; '), next);
}

/** Pure: losing the victim leaves every partition that it replicates at or above min ISR (blueprint §3: RF 3, min ISR 2). */
export function headroom({ topology, victim, kafka: { topicConfigs } }: VictimFacts): Finding {
  const title = 'no partition falls under min ISR without the victim, internal topics too';
  const of = (status: FindingStatus, summary: string): Finding =>
    finding('drill.kafka.headroom', title, status, summary, 'Metadata + DescribeConfigs');
  if (!topicConfigs.seen) return of('inconclusive', topicConfigs.reason);
  const held = heldBy(topology, victim);
  if (held.length === 0) return of('inconclusive', `broker ${victim} has no replica: nothing was examined`);
  const minIsr = new Map(
    [...new Set(held.map(({ topic }) => topic))].map((topic) => [
      topic,
      minIsrOf(topicConfigs.value.get(topic)),
    ]),
  );
  const under = held.filter(
    ({ topic, isr }) => isr.filter((id) => id !== victim).length < (minIsr.get(topic) ?? 1),
  );
  const text = (place: PartitionPlace): string =>
    `${isrText(place)}, min ISR ${minIsr.get(place.topic) ?? 'unknown'}`;
  if (under.length > 0) return of('fail', named(under, 'would stop taking writes', text).join('; '));
  const unknown = [...minIsr].flatMap(([topic, value]) => (value === undefined ? [topic] : []));
  if (unknown.length > 0) return of('inconclusive', `${MIN_ISR} was not seen of ${shown(unknown)}`);
  return of('pass', `${held.length} partitions of ${minIsr.size} topics keep their min ISR`);
}

function heldBy({ partitions }: KafkaTopology, broker: number): PartitionPlace[] {
  return partitions.filter(({ replicas }) => replicas.includes(broker));
}

/** Undefined: not seen. */
function minIsrOf(configs: readonly ConfigEntry[] | undefined): number | undefined {
  const value = configs?.find(({ name }) => name === MIN_ISR)?.value;
  const count = value === undefined || value === null || value === '' ? Number.NaN : Number(value);
  return Number.isInteger(count) && count >= 1 ? count : undefined;
}

function named(
  places: readonly PartitionPlace[],
  what: string,
  text: (place: PartitionPlace) => string,
): string[] {
  return places.length === 0 ? [] : [`${places.length} partitions ${what} (${shown(places.map(text))})`];
}

function shown(texts: readonly string[]): string {
  const more = texts.length - NAMED;
  return `${texts.slice(0, NAMED).join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

const isrText = (place: PartitionPlace): string =>
  `${keyOf(place)} ISR ${place.isr.length === 0 ? 'none' : place.isr.join()} of ${place.replicas.join()}`;
