import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { ClusterState } from '../clients/kafka/ports.ts';
import type { DlqFacts, PartitionEnds } from './facts.ts';
import { type JudgedLetter, judgeLetters } from './standing.ts';

/** One letter of a plan: where it stands, what it must hold, where it goes. */
export interface PlannedLetter {
  readonly partition: number;
  readonly offset: bigint;
  /** SHA-256 (hex) over key, value and original headers, as reviewed. */
  readonly sha256: string;
  /** Upper bound of a record batch with its replay alone. */
  readonly bytes: number;
  readonly origin: { readonly partition: number; readonly offset: bigint; readonly timestampMs: number };
  readonly attempt: number;
  readonly errorCode: string;
  /** `cannot tell`: the target log did not say whether it was replayed, and the plan was told to take it all the same. */
  readonly replayedBefore: 'no' | 'cannot tell';
}

export interface RefusedLetter {
  readonly partition: number;
  readonly offset: bigint;
  readonly reason: string;
}

/** Letters of one dead letter topic to be replayed into the topic they came from. */
export interface ReplayPlan {
  readonly formatVersion: 1;
  readonly region: string;
  readonly clusterId: string;
  readonly madeAtMs: number;
  readonly dlq: {
    readonly topic: string;
    readonly topicId: string;
    readonly bounds: readonly PartitionEnds[];
  };
  readonly target: {
    readonly topic: string;
    readonly topicId: string;
    readonly maxMessageBytes: number;
    readonly bounds: readonly PartitionEnds[];
  };
  /** A replay goes into the partition its origin stood in; the partition count must be unchanged. */
  readonly partitionPolicy: 'same';
  /** By partition, and by the order the events first had in it. */
  readonly letters: readonly PlannedLetter[];
  readonly refused: readonly RefusedLetter[];
  readonly replayedBefore: number;
  readonly copies: number;
  /** Could be replayed, but the plan was full. */
  readonly leftOut: number;
  /** Records of the dead letter topic that were not read, because a limit ended the read. */
  readonly unreadRecords: bigint;
  /** Keys of planned letters that have a later event, at least: the log is looked at from the failure on. */
  readonly keysWithNewerEvents: number;
  /** Planned letters that retention takes within the hour. */
  readonly expiringSoon: number;
  /** SHA-256 (hex) of the plan in canonical JSON without this field. */
  readonly fingerprint: string;
}

export const MAX_PLANNED_LETTERS = 10_000;
const SOON_MS = 3_600_000;
const MAX_REFUSED = 10_000;

export interface PlanOptions {
  readonly limit: number;
  /** Also take letters of which the target log does not say whether they were replayed. */
  readonly includeCannotTell: boolean;
}

/** Makes a plan from one look; the target topic must exist. Pure. */
export function planReplay(
  facts: DlqFacts & { readonly target: NonNullable<DlqFacts['target']> },
  options: PlanOptions,
): ReplayPlan {
  const judged = judgeLetters(facts);
  const eligible = judged.filter(
    ({ standing }) => standing === 'waiting' || (options.includeCannotTell && standing === 'cannotTell'),
  );
  const chosen = oldestFirst(eligible).slice(0, options.limit);
  const refused = judged.filter(
    ({ standing }) => standing === 'refused' || (!options.includeCannotTell && standing === 'cannotTell'),
  );
  const { retentionMs } = facts.dlq;
  const dueMs = (one: JudgedLetter): number =>
    retentionMs === null ? Number.POSITIVE_INFINITY : one.seen.timestampMs + retentionMs - facts.observedAtMs;
  return sealPlan({
    formatVersion: 1,
    region: facts.region,
    clusterId: facts.clusterId,
    madeAtMs: facts.observedAtMs,
    dlq: { topic: facts.dlq.topic, topicId: facts.dlq.topicId, bounds: endsOf(facts.dlq.bounds) },
    target: {
      topic: facts.target.topic,
      topicId: facts.target.topicId,
      maxMessageBytes: facts.target.maxMessageBytes,
      bounds: endsOf(facts.target.bounds),
    },
    partitionPolicy: 'same',
    letters: chosen.flatMap(plannedOf).toSorted(inOrder),
    refused: refused.slice(0, MAX_REFUSED).map(({ seen, reason, standing }) => ({
      partition: seen.partition,
      offset: seen.offset,
      reason: standing === 'cannotTell' ? `cannot tell whether it was replayed: ${reason}` : (reason ?? ''),
    })),
    replayedBefore: judged.filter(({ standing }) => standing === 'replayed').length,
    copies: judged.filter(({ standing }) => standing === 'copy').length,
    leftOut: eligible.length - chosen.length,
    unreadRecords: facts.unread?.records ?? 0n,
    keysWithNewerEvents: new Set(
      chosen
        .filter(({ newerEvents }) => newerEvents)
        .map(({ seen }) => `${seen.letter?.origin.partition}:${seen.key}`),
    ).size,
    expiringSoon: chosen.filter((one) => dueMs(one) < SOON_MS).length,
  });
}

function endsOf(bounds: readonly PartitionEnds[]): PartitionEnds[] {
  return bounds
    .map(({ partition, startOffset, endOffset }) => ({ partition, startOffset, endOffset }))
    .toSorted((a, b) => a.partition - b.partition);
}

function plannedOf({ seen, standing }: JudgedLetter): PlannedLetter[] {
  if (seen.letter === null) return [];
  const { origin, attempt, errorCode } = seen.letter;
  return [
    {
      partition: seen.partition,
      offset: seen.offset,
      sha256: seen.sha256,
      bytes: seen.replayBytes,
      origin: { partition: origin.partition, offset: origin.offset, timestampMs: origin.timestampMs },
      attempt,
      errorCode,
      replayedBefore: standing === 'cannotTell' ? 'cannot tell' : 'no',
    },
  ];
}

/** Events of one partition in the order they first had: a later version of something must not come before an earlier one. */
function inOrder(a: PlannedLetter, b: PlannedLetter): number {
  return (
    a.partition - b.partition ||
    a.origin.partition - b.origin.partition ||
    (a.origin.offset < b.origin.offset ? -1 : 1)
  );
}

/**
 * Oldest letters first, except that within a partition none comes before an event that stood before it: a plan that is
 * cut at its limit then holds no later event without the earlier one.
 */
function oldestFirst(letters: readonly JudgedLetter[]): JudgedLetter[] {
  const byPartition = Map.groupBy(letters, ({ seen }) => seen.letter?.origin.partition ?? -1);
  const ranked = [...byPartition.values()].flatMap((list) => {
    let latestMs = 0;
    return list
      .toSorted((a, b) =>
        (a.seen.letter?.origin.offset ?? 0n) < (b.seen.letter?.origin.offset ?? 0n) ? -1 : 1,
      )
      .map((one) => {
        latestMs = Math.max(latestMs, one.seen.timestampMs);
        return { one, rankMs: latestMs };
      });
  });
  return ranked.toSorted((a, b) => a.rankMs - b.rankMs).map(({ one }) => one);
}

/** Adds the fingerprint. */
export function sealPlan(plan: Omit<ReplayPlan, 'fingerprint'>): ReplayPlan {
  return { ...plan, fingerprint: fingerprintOf(plan) };
}

/** The fingerprint a plan must have. */
export function fingerprintOf(
  plan: Omit<ReplayPlan, 'fingerprint'> & { readonly fingerprint?: string },
): string {
  const { fingerprint: _, ...rest } = plan;
  return createHash('sha256')
    .update(canonicalize(JSON.parse(planText(rest))) ?? '')
    .digest('hex');
}

/** A plan as JSON; offsets are strings, because a JSON number does not hold 64 bits. */
export function planText(plan: object): string {
  return JSON.stringify(
    plan,
    (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
    2,
  );
}

/** Why a plan no longer fits the cluster; empty when it does. */
export function staleReasons(plan: ReplayPlan, state: ClusterState): string[] {
  if (state.clusterId !== plan.clusterId)
    return [`it was made for cluster ${plan.clusterId}, this is ${state.clusterId}`];
  return [plan.dlq, plan.target].flatMap(({ topic, topicId, bounds }) => {
    const now = state.topics.find(({ name }) => name === topic);
    if (now === undefined) return [`${topic} is not in the cluster any more`];
    if (now.id !== topicId) return [`${topic} was made again since (another topic id)`];
    if (now.partitions.length === bounds.length) return [];
    return [`${topic} had ${bounds.length} partitions, now ${now.partitions.length}`];
  });
}
