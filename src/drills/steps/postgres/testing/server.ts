import type { ServerRole } from '../../../actuators/postgres.ts';

// For the tests of this folder: what a server in memory is.

export interface ModelServer {
  running: boolean;
  /** A file in the data folder that makes it start as a standby. */
  marked: boolean;
  recovering: boolean;
  role: ServerRole;
  timeline: number;
  /** What was written, oldest first; two histories that differ somewhere have parted there. */
  log: string[];
  slots: Set<string>;
  /** Since its promotion; without, a rewind finds nothing to do. */
  checkpointed: boolean;
  /** A rewind was cut off. */
  broken: boolean;
  /** It was asked to stop and did, rather than killed. */
  clean: boolean;
  /** Number of the request for its promotion that has not come true yet; the end of its process forgets it. */
  promoting: number | null;
  /** It was just started and does not answer so many looks. */
  silent: number;
}

/** A promotion that takes its time. */
export interface SlowPromotion {
  /** It comes true after so many looks at servers; whoever asked for it waits, as long as it lives. */
  readonly looks: number;
  /** A server that is asked to stop meanwhile finishes it first, in place of ending as a replica. */
  readonly endsInStop: boolean;
}

/** az-a leads and wrote this log; the replicas have the beginning of it. */
export function newServers(
  log: readonly string[],
  [b, c]: readonly [number, number],
  alive: boolean,
): Map<string, ModelServer> {
  const replica: Omit<ModelServer, 'log' | 'slots'> = {
    running: true,
    marked: true,
    recovering: true,
    role: { leads: false, follows: 'az-a' },
    timeline: 1,
    checkpointed: true,
    broken: false,
    clean: false,
    promoting: null,
    silent: 0,
  };
  const leader: Partial<ModelServer> = {
    running: alive,
    marked: false,
    recovering: false,
    role: { leads: true, synchronousStandbyNames: 'ANY 1 (az_b, az_c)' },
  };
  return new Map([
    ['az-a', { ...replica, ...leader, log: [...log], slots: new Set(['az_b', 'az_c']) }],
    ['az-b', { ...replica, log: log.slice(0, b), slots: new Set<string>() }],
    ['az-c', { ...replica, log: log.slice(0, c), slots: new Set<string>() }],
  ]);
}
