import type { Cluster, ConfigEntry, QuorumState } from '../../clients/kafka/ports.ts';
import { reasonOf } from '../../core/error.ts';
import { formatMs } from '../../core/units.ts';

/** Names of the settings that bound an election (KIP-595), with Kafka's defaults. */
const ELECTION_MS: Readonly<Record<string, number>> = {
  'controller.quorum.fetch.timeout.ms': 2000,
  'controller.quorum.election.timeout.ms': 1000,
  'controller.quorum.election.backoff.max.ms': 1000,
};
export const ELECTION_SETTINGS = Object.keys(ELECTION_MS);
/** A first vote can be split. */
const ROUNDS = 2;
const LOOK_MS = 2000;
/** A voter this far behind the furthest one is no survivor. */
const BEHIND_RECORDS = 1000n;

/**
 * Pure: how long a quorum may be without a leader, or a voter without following, while nothing is wrong but the loss of its
 * leader: followers notice after the fetch time-out, vote within the election time-out, and back off at most once before
 * they vote again. Settings that were not read count as Kafka's defaults.
 */
export function electionBoundMs(configs: readonly ConfigEntry[] | undefined): number {
  const of = ([name, byDefault]: readonly [string, number]): number => {
    const value = Number(configs?.find((entry) => entry.name === name)?.value ?? Number.NaN);
    return Number.isFinite(value) && value > 0 ? value : byDefault;
  };
  return ROUNDS * Object.entries(ELECTION_MS).reduce((sum, each) => sum + of(each), 0);
}

/** Pure: the voters that follow at this moment, by their offsets and by when their leader last saw them caught up. */
export function followingVoters({ leaderId, voters }: QuorumState, boundMs = electionBoundMs([])): number[] {
  const furthest = voters.reduce((max, { logEndOffset }) => (logEndOffset > max ? logEndOffset : max), 0n);
  // Both moments are of the leader's clock.
  const nowMs = voters.find(({ id }) => id === leaderId)?.lastCaughtUpMs ?? Number.NaN;
  return voters.flatMap(({ id, logEndOffset, lastCaughtUpMs }) => {
    const close = furthest - logEndOffset < BEHIND_RECORDS;
    return close && !(nowMs - lastCaughtUpMs > boundMs) ? [id] : [];
  });
}

/** What the looks since the fault have said of a metadata quorum. */
export interface QuorumSeen {
  /** When it was last seen with a leader; at first: when the looking began. */
  readonly ledNs: bigint;
  readonly leaderEpoch: number;
  /** Of every voter that has to follow: when that was last seen, and its mark then. */
  readonly voters: ReadonlyMap<number, { readonly followedNs: bigint; readonly mark: number }>;
}

/** Pure: nothing was seen yet. `voters`: those that have to follow. */
export function beginQuorum(voters: readonly number[], nowNs: bigint): QuorumSeen {
  return {
    ...{ ledNs: nowNs, leaderEpoch: -1 },
    voters: new Map(voters.map((id) => [id, { followedNs: nowNs, mark: -1 }])),
  };
}

/**
 * Pure: adds one answer. A voter follows when the moment at which its leader last saw it caught up is another one than
 * before (a leader writes something twice a second). A new leader knows nobody at first: from its election on every
 * voter has its time anew.
 */
export function foldQuorum(seen: QuorumSeen, answer: QuorumState, nowNs: bigint): QuorumSeen {
  const { leaderId, leaderEpoch } = answer;
  if (leaderId < 0) return seen;
  const anew = leaderEpoch !== seen.leaderEpoch;
  const voters = [...seen.voters].map(([id, was]) => {
    const mark = answer.voters.find((voter) => voter.id === id)?.lastCaughtUpMs ?? -1;
    const follows = anew || id === leaderId || mark !== was.mark;
    return [id, follows ? { followedNs: nowNs, mark } : was] as const;
  });
  return { ledNs: nowNs, leaderEpoch, voters: new Map(voters) };
}

/** Pure: what fails in the quorum beside the fault, after the time that an election may take; undefined: nothing yet. */
export function quorumTrouble(seen: QuorumSeen, nowNs: bigint, boundMs: number): string | undefined {
  const late = (sinceNs: bigint): boolean => Number(nowNs - sinceNs) / 1e6 > boundMs;
  const within = `for more than ${formatMs(boundMs)}`;
  if (late(seen.ledNs)) return `the metadata quorum has had no leader ${within}`;
  const away = [...seen.voters].flatMap(([id, { followedNs }]) => (late(followedNs) ? [id] : []));
  return away.length === 0
    ? undefined
    : `voter ${away.join(', ')} has not followed the metadata quorum ${within}`;
}

/** Looks at the quorum while a fault lasts. */
export interface QuorumWatch {
  /** One look: what is wrong, or undefined. Rejects when nobody has answered for as long as an election may take. */
  look(): Promise<string | undefined>;
  close(): Promise<void>;
}

/**
 * Watches by connections of its own: while nobody leads the quorum a broker answers this question late, and it answers
 * the questions of a connection in order.
 */
export function watchQuorum(request: {
  readonly open: () => Pick<Cluster, 'quorum' | 'close'>;
  readonly monoNs: () => bigint;
  /** Those that have to follow: the voters that did before the fault, without its victim. */
  readonly voters: readonly number[];
  readonly boundMs: number;
}): QuorumWatch {
  const { open, monoNs, voters, boundMs } = request;
  let cluster: ReturnType<typeof open> | undefined;
  let seen: QuorumSeen | undefined;
  return {
    async look() {
      cluster ??= open();
      seen ??= beginQuorum(voters, monoNs());
      try {
        seen = foldQuorum(seen, await cluster.quorum({ timeoutMs: LOOK_MS }), monoNs());
      } catch (error) {
        // Of voters nothing is known then; and while it elects, a quorum answers nobody.
        if (Number(monoNs() - seen.ledNs) / 1e6 <= boundMs) return undefined;
        throw new Error(
          `no answer about the metadata quorum for more than ${formatMs(boundMs)}: ${reasonOf(error)}`,
        );
      }
      return quorumTrouble(seen, monoNs(), boundMs);
    },
    close: async () => cluster?.close(),
  };
}
