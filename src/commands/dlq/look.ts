import { openCluster, openRead } from '../../clients/kafka/index.ts';
import type { Cluster, ClusterState, Read } from '../../clients/kafka/ports.ts';
import { UpliftError } from '../../core/error.ts';
import type { Deps } from '../../deps.ts';
import type { DlqFacts } from '../../dlq/facts.ts';
import { lookAtDlq } from '../../dlq/look.ts';
import { type DlqSource, dlqSources } from '../../dlq/sources.ts';
import type { Region } from '../shared/region.ts';

/** A region's Kafka, opened for the length of one command. */
export interface RegionKafka {
  readonly region: Region;
  readonly cluster: Cluster;
  readonly read: Read;
  readonly state: ClusterState;
  readonly sources: readonly DlqSource[];
}

export const requestTimeoutOf = (region: Region): number => region.project.config.value.limits.requestTimeout;

/** Opens what looking at dead letters needs; UPL-KAFKA-UNREACHABLE (69) when the region's Kafka is away. */
export async function withKafka<T>(region: Region, work: (kafka: RegionKafka) => Promise<T>): Promise<T> {
  const cluster = openCluster(region.kafka);
  const read = openRead(region.kafka);
  try {
    const state = await cluster.describe({ timeoutMs: requestTimeoutOf(region) });
    const sources = dlqSources(region.desired, new Set(state.topics.map(({ name }) => name)));
    return await work({ region, cluster, read, state, sources });
  } finally {
    await Promise.all([cluster.close(), read.close()]);
  }
}

/** One look at one dead letter topic; the topic must be in the cluster. */
export function lookAt(
  deps: Deps,
  { region, cluster, read, state }: RegionKafka,
  source: DlqSource,
  readTimeoutMs: number,
): Promise<DlqFacts> {
  return lookAtDlq({
    ports: { cluster, read },
    region: region.config.name,
    state,
    source,
    nowMs: deps.clock.nowMs(),
    requestTimeoutMs: requestTimeoutOf(region),
    readTimeoutMs,
    signal: deps.signal,
  });
}

/** The dead letter topic of that name, or UPL-USAGE naming those there are. */
export function sourceNamed({ sources, region }: RegionKafka, topic: string): DlqSource {
  const found = sources.find(({ dlq }) => dlq === topic);
  if (found?.exists === true) return found;
  const there = sources.filter(({ exists }) => exists).map(({ dlq }) => dlq);
  const known = there.length === 0 ? 'it has none' : `it has ${there.join(', ')}`;
  throw new UpliftError('UPL-USAGE', {
    message:
      found === undefined
        ? `${topic} is not a dead letter topic of ${region.config.name}; ${known}.`
        : `${topic} is declared and not in the cluster of ${region.config.name}.`,
    next: found === undefined ? 'uplift dlq ls' : 'uplift topics plan',
  });
}
