import { TOPICS } from './records.ts';

/** A partition that takes no commands of tenants gets a snapshot so many times more rarely. */
export const SNAPSHOT_QUIET_FACTOR = 10;

/** The longest time between two snapshots of a partition that decides; what a role is told is never above it. */
export const LONGEST_SNAPSHOT_PERIOD_MS = 600_000;

/** How old the last snapshot of any partition may become while snapshots can be written. */
export const LONGEST_SNAPSHOT_AGE_MS = SNAPSHOT_QUIET_FACTOR * LONGEST_SNAPSHOT_PERIOD_MS;

/** What the topics have to keep, beyond the snapshots. */
export interface Kept {
  /** Age that the last snapshot of a partition may reach: commands and events are kept for more than twice as long. */
  readonly snapshotAgeMs: number;
  /** For so long events are needed to build the projection anew; 0: whoever asks does not know. */
  readonly rebuildWindowMs: number;
}

/** A topic's configuration by name; undefined: not known. */
export type TopicSettings = (topic: string, name: string) => string | null | undefined;

/**
 * Why the topics of the service would lose what a restore or a rebuild needs (S12), as sentences; empty when they do not.
 * Commands and events are a log and may be cut at its start only; snapshots are values by key and must never be cut by
 * age. What is not known is a problem, never a pass. Pure.
 */
export function retentionProblems(settingOf: TopicSettings, kept: Kept): string[] {
  const least = 2 * kept.snapshotAgeMs;
  const twice = `twice the age of a snapshot (${least} ms)`;
  const rebuild = `the rebuild window (${kept.rebuildWindowMs} ms)`;
  return [
    ...policyProblems(settingOf, TOPICS.commands, 'delete'),
    ...policyProblems(settingOf, TOPICS.events, 'delete'),
    ...policyProblems(settingOf, TOPICS.snapshots, 'compact'),
    ...timeProblems(settingOf, TOPICS.commands, least, twice),
    ...(kept.rebuildWindowMs > least
      ? timeProblems(settingOf, TOPICS.events, kept.rebuildWindowMs, rebuild)
      : timeProblems(settingOf, TOPICS.events, least, twice)),
    ...[TOPICS.commands, TOPICS.events].flatMap((topic) => sizeProblems(settingOf, topic)),
  ];
}

function policyProblems(settingOf: TopicSettings, topic: string, wanted: 'delete' | 'compact'): string[] {
  const policy = settingOf(topic, 'cleanup.policy');
  if (policy === wanted) return [];
  return [`${topic} has cleanup.policy ${policy ?? 'unknown'}, it has to be ${wanted} and nothing else`];
}

function timeProblems(settingOf: TopicSettings, topic: string, leastMs: number, what: string): string[] {
  const value = settingOf(topic, 'retention.ms') ?? '';
  const ms = /^-?\d+$/.test(value) ? Number(value) : undefined;
  if (ms !== undefined && (ms < 0 || ms > leastMs)) return [];
  return [`${topic} has retention.ms ${ms ?? 'unknown'}, it has to be longer than ${what}`];
}

/** By size a log ends at any age: nobody could say that what is needed is still there. */
function sizeProblems(settingOf: TopicSettings, topic: string): string[] {
  const bytes = settingOf(topic, 'retention.bytes');
  if (bytes === '-1') return [];
  return [`${topic} has retention.bytes ${bytes ?? 'unknown'}, it has to be -1: age alone may end it`];
}
