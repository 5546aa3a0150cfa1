import type { Cluster, ClusterState } from '../../clients/kafka/ports.ts';
import type { LiveLeaders } from '../../core/live.ts';
import type { FaultWatch } from '../engine/drill.ts';
import { watchMoments } from '../engine/watch.ts';

/** What one look at the cluster said of the victim's partitions. */
export interface LeadershipSample {
  readonly monoNs: bigint;
  /** The victim is still listed as a live broker. */
  readonly victimListed: boolean;
  /** Partitions it led that still name it as leader, or have none. */
  readonly waiting: number;
}

/** When the loss was noticed and when every partition had another leader, on the monotonic clock. */
export interface LeadershipMoves {
  /** First look in which the controller had fenced the victim or moved a leader. */
  readonly detectedNs: bigint | null;
  /** First look in which no partition waited for a leader. */
  readonly electedNs: bigint | null;
}

/** Pure: one look at the cluster, for partitions given as `topic/partition`. */
export function sampleOf(
  state: ClusterState,
  victim: number,
  ledByVictim: ReadonlySet<string>,
  monoNs: bigint,
): LeadershipSample {
  const moved = state.topics.flatMap(({ name, partitions }) =>
    partitions.filter(
      ({ partition, leader }) => ledByVictim.has(`${name}/${partition}`) && leader >= 0 && leader !== victim,
    ),
  );
  // One that the look does not name has no leader that was seen.
  const waiting = ledByVictim.size - moved.length;
  return { monoNs, victimListed: state.brokers.some(({ id }) => id === victim), waiting };
}

/** Pure: adds a sample to what is known. */
export function foldSample(moves: LeadershipMoves, sample: LeadershipSample, total: number): LeadershipMoves {
  const noticed = !sample.victimListed || sample.waiting < total;
  return {
    detectedNs: moves.detectedNs ?? (noticed ? sample.monoNs : null),
    electedNs: moves.electedNs ?? (sample.waiting === 0 ? sample.monoNs : null),
  };
}

/** Looks every `intervalMs` until all leaders have moved, the deadline passes, or it is stopped. */
export function watchLeadership(request: {
  readonly cluster: Cluster;
  readonly monoNs: () => bigint;
  readonly victim: number;
  readonly ledByVictim: ReadonlySet<string>;
  readonly topics: readonly string[];
  readonly intervalMs: number;
  readonly deadlineMs: number;
}): FaultWatch {
  const { cluster, monoNs, victim, ledByVictim, topics, intervalMs, deadlineMs } = request;
  let waiting: number | undefined;
  const watch = watchMoments({
    intervalMs,
    deadlineMs,
    async look(moves) {
      const state = await cluster.describe({ topics, timeoutMs: 1000 });
      const sample = sampleOf(state, victim, ledByVictim, monoNs());
      waiting = sample.waiting;
      return foldSample(moves, sample, ledByVictim.size);
    },
  });
  return {
    ...watch,
    settled: () => watch.moments().electedNs !== null,
    leaders: () => leadersText(waiting, ledByVictim.size),
  };
}

/** Pure: how many partitions have no leader but the victim; undefined: nobody has looked. */
export function leadersText(waiting: number | undefined, total: number): LiveLeaders | undefined {
  if (waiting === undefined) return undefined;
  return waiting > 0
    ? { text: `${waiting} of ${total} partitions wait for another leader`, waits: true }
    : { text: `all ${total} partitions have another leader`, waits: false };
}
