import { SNAPSHOT_QUIET_FACTOR } from '../../../contract/retention.ts';

export interface SnapshotSettings {
  /** A partition that decides gets a snapshot about this often, by log time. */
  readonly everyMs: number;
  /** Or sooner, after so many decisions: they are what a restore has to read. */
  readonly everyDecisions: number;
}

/** What a snapshot covers, or would cover: two of these tell what came between. */
export interface Covered {
  readonly decisions: number;
  /** First command not taken; ticks move it without a decision. */
  readonly nextCommandOffset: bigint;
  readonly logTimeMs: number;
}

/**
 * How overdue a snapshot is: 1 and above is due, and of several partitions the highest comes first. A partition with
 * nothing but ticks gets one more rarely, but it gets one: the ticks it covers may be deleted (S12), and a position before
 * the first command in the log is no position. Pure.
 */
export function overdue(last: Covered, now: Covered, settings: SnapshotSettings): number {
  if (now.nextCommandOffset <= last.nextCommandOffset) return 0;
  const decided = now.decisions - last.decisions;
  const periodMs = decided > 0 ? settings.everyMs : settings.everyMs * SNAPSHOT_QUIET_FACTOR;
  return Math.max((now.logTimeMs - last.logTimeMs) / periodMs, decided / settings.everyDecisions);
}
