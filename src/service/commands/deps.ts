import type { Logger } from 'pino';
import type { Cluster, Produce, Read } from '../../clients/kafka/ports.ts';
import type { EventSchema } from '../../contract/events.ts';
import { TOPICS } from '../../contract/records.ts';
import { SNAPSHOT_QUIET_FACTOR } from '../../contract/retention.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { checkSettings, checkTopics } from '../runtime/topics.ts';
import type { Tracing } from '../telemetry/spans.ts';
import type { SnapshotSettings } from './snapshots/policy.ts';

export interface CommandsDeps {
  readonly cluster: Cluster;
  readonly read: Read;
  readonly produce: Produce;
  readonly metrics: Metrics;
  /** Undefined: nothing is recorded. */
  readonly tracing?: Tracing | undefined;
  readonly log: Logger;
  readonly owned: readonly number[];
  readonly partitions: number;
  readonly sendDeadlineMs: number;
  readonly eventSchema: EventSchema;
  readonly tickMs: number;
  readonly snapshots: SnapshotSettings;
  readonly signal: AbortSignal;
}

/** Of the topics as they are now. */
export interface TopicIds {
  readonly commands: string;
  readonly events: string;
}

/** Throws unless all topics are there and keep what the role decides by (S8, S12). */
export async function checkLogs(deps: CommandsDeps, timeoutMs: number): Promise<TopicIds> {
  const { cluster, partitions, snapshots } = deps;
  const ids = await checkTopics(cluster, { names: Object.values(TOPICS), partitions, timeoutMs });
  const snapshotAgeMs = snapshots.everyMs * SNAPSHOT_QUIET_FACTOR;
  await checkSettings(cluster, { snapshotAgeMs, rebuildWindowMs: 0 }, timeoutMs);
  return { commands: ids.get(TOPICS.commands) ?? '', events: ids.get(TOPICS.events) ?? '' };
}
