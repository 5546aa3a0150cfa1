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

/** The configuration of a topic by name; undefined: not known. */
export type SettingOf = (name: string) => string | null | undefined;

/**
 * Why a topic of the service would lose what a restore or a rebuild needs (S12), as sentences; empty when it does not, or
 * is none of the service. Commands and events are logs and end by age alone; snapshots are values by key, which age must
 * never end. What is not known is a problem, never a pass. Pure.
 */
export function retentionProblems(topic: string, settingOf: SettingOf, kept: Kept): string[] {
  const twice = { ms: 2 * kept.snapshotAgeMs, what: 'twice the age that a snapshot may reach' };
  const rebuild = { ms: kept.rebuildWindowMs, what: 'the rebuild window' };
  const problems =
    topic === TOPICS.snapshots
      ? policyProblems(settingOf, 'compact')
      : topic === TOPICS.commands
        ? logProblems(settingOf, twice)
        : topic === TOPICS.events
          ? logProblems(settingOf, rebuild.ms > twice.ms ? rebuild : twice)
          : [];
  return problems.map((problem) => `${topic} has ${problem}`);
}

function policyProblems(settingOf: SettingOf, wanted: 'delete' | 'compact'): string[] {
  const policy = settingOf('cleanup.policy');
  return policy === wanted ? [] : [`cleanup.policy ${policy ?? 'unknown'}, it has to be ${wanted} alone`];
}

function logProblems(settingOf: SettingOf, least: { readonly ms: number; readonly what: string }): string[] {
  const value = settingOf('retention.ms') ?? '';
  const ms = /^-?\d+$/.test(value) ? Number(value) : undefined;
  const isLong = ms !== undefined && (ms < 0 || ms > least.ms);
  const bytes = settingOf('retention.bytes');
  return [
    ...policyProblems(settingOf, 'delete'),
    ...(isLong
      ? []
      : [`retention.ms ${ms ?? 'unknown'}, it has to be longer than ${least.what} (${least.ms} ms)`]),
    // By size a log may end at any age: nobody could say that what is needed is still there.
    ...(bytes === '-1'
      ? []
      : [`retention.bytes ${bytes ?? 'unknown'}, it has to be -1: age alone may end it`]),
  ];
}
