import type { ProbeResult } from '../runtime/probes.ts';
import type { Phase } from './owner.ts';

/** A reader that stands still, as the readers tell it. */
export interface Stalled {
  readonly topic: string;
  readonly partition: number;
  readonly reason: string;
}

/** What the probe looks at of the owner of a partition. */
export interface OwnerSeen {
  readonly phase: Phase;
  readonly reason: string;
  silentMs(nowMs: number): number;
}

export interface PartitionsSeen {
  readonly owners: ReadonlyMap<number, OwnerSeen>;
  /** How many partitions this process is to own. */
  readonly total: number;
  readonly stalled: readonly Stalled[];
  /** Whether commands are read yet. */
  readonly isReading: boolean;
  /** A partition that decides and takes no command for so long does not even hear its own ticks. */
  readonly silentAfterMs: number;
  readonly nowMs: number;
}

/** At most so many partitions are named; the count says how many there are. */
const NAMED = 5;

/** Ready: every partition decides, and hears its commands or its own ticks. Pure. */
export function partitionsProbe(seen: PartitionsSeen): ProbeResult {
  const { total, stalled, isReading, silentAfterMs, nowMs } = seen;
  const owners = [...seen.owners];
  const bad = owners.filter(([, { phase }]) => phase !== 'deciding');
  const silent = owners.filter(
    ([, owner]) => isReading && owner.phase === 'deciding' && owner.silentMs(nowMs) > silentAfterMs,
  );
  const parts = [
    `${owners.length - bad.length}/${total} partitions decide`,
    ...bad.slice(0, NAMED).map(([partition, { phase, reason }]) => `${partition} ${phase}: ${reason}`),
    ...stalled
      .slice(0, NAMED)
      .map(({ topic, partition, reason }) => `${topic}/${partition} not readable: ${reason}`),
    ...silent.slice(0, NAMED).map(([partition]) => `${partition} hears nothing, not even its own ticks`),
  ];
  const ok =
    isReading && owners.length === total && [bad, stalled, silent].every((list) => list.length === 0);
  return { name: 'partitions', ok, detail: parts.join('; '), ageMs: 0 };
}
