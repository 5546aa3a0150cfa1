import type { Produce } from '../../clients/kafka/ports.ts';
import { TOPICS } from '../../contract/records.ts';
import { SNAPSHOT_QUIET_FACTOR } from '../../contract/retention.ts';
import type { OwnerDeps } from '../runtime/session.ts';
import { checkSettings, checkTopics } from '../runtime/topics.ts';
import type { SnapshotSettings } from './snapshots/policy.ts';

/** What one life of the commands role works with. */
export interface CommandsDeps extends OwnerDeps {
  readonly produce: Produce;
  readonly sendDeadlineMs: number;
  readonly tickMs: number;
  readonly snapshots: SnapshotSettings;
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
