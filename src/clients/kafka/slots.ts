import { UpliftError } from '../../core/error.ts';
import { errorName } from './answers.ts';
import { type Decoded, decodeBatches, UnreadableBatch } from './decode.ts';
import type { FetchGot } from './fetch.ts';
import type { ClusterState, ReadPosition } from './ports.ts';

/** One partition being read. */
export interface Slot {
  readonly key: string;
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  nextOffset: bigint;
  /** Rises with every seek and every change of leader: an answer to an older question is dropped. */
  generation: number;
  /** -1: not known. */
  leader: number;
  leaderEpoch: number;
  /** The last fetch failed; leaders are looked up until one works. */
  stale: boolean;
  /** Monotonic ms: not fetched before. */
  retryAtMs: number;
  /** Monotonic ms of the last successful fetch (or of the opening). */
  servedAtMs: number;
  reason: string;
  absentSinceMs: number | undefined;
  /** Ends the reading of this partition until it is sought anew. */
  failure: UpliftError | undefined;
}

export function newSlot(position: ReadPosition, nowMs: number): Slot {
  const { topic, topicId, partition, nextOffset } = position;
  return {
    key: `${topic}/${partition}`,
    topic,
    topicId,
    partition,
    nextOffset,
    generation: 0,
    leader: -1,
    leaderEpoch: -1,
    stale: true,
    retryAtMs: 0,
    servedAtMs: nowMs,
    reason: 'its leader is not known yet',
    absentSinceMs: undefined,
    failure: undefined,
  };
}

const OFFSET_OUT_OF_RANGE = 1;
const RETRY_MS = 100;
/** Without a successful fetch for this long, the leader may be gone. */
export const UNSERVED_MS = 1000;
/** A topic missing from the metadata for this long is gone, not just unknown to a broker that is starting. */
const ABSENT_FOR_MS = 10_000;

/** The part of an answer that is for this slot: what to hand over, or nothing; errors go into the slot. */
export function applyFetch(slot: Slot, got: FetchGot, nowMs: number): Decoded | undefined {
  if (got.errorCode === OFFSET_OUT_OF_RANGE) {
    slot.failure = outOfRange(slot, 'it is below the first or beyond the last offset of the log');
    return undefined;
  }
  if (got.errorCode !== 0) {
    // Not the leader, an epoch behind, an unknown id, a disk error, …: all are answered by looking up the leader again.
    markStale(slot, errorName(got.errorCode), nowMs);
    return undefined;
  }
  slot.stale = false;
  slot.servedAtMs = nowMs;
  slot.reason = '';
  if (got.batches.length === 0) return undefined;
  try {
    const decoded = decodeBatches(got.batches, slot.nextOffset);
    if (decoded.nextOffset === slot.nextOffset) return undefined;
    slot.nextOffset = decoded.nextOffset;
    return decoded;
  } catch (error) {
    const why =
      error instanceof UnreadableBatch ? error.message : `a batch that cannot be decoded (${String(error)})`;
    slot.failure = new UpliftError('UPL-KAFKA-REQUEST', {
      message: `${slot.key} holds ${why}; this reader stops there.`,
      cause: error,
    });
    return undefined;
  }
}

export function markStale(slot: Slot, reason: string, nowMs: number): void {
  slot.stale = true;
  slot.reason = reason;
  slot.retryAtMs = nowMs + RETRY_MS;
}

/** Takes leaders from a metadata answer. Never back to an older epoch: a broker that hung still believes in its own. */
export function applyMetadata(slot: Slot, state: ClusterState, nowMs: number): void {
  const topic = state.topics.find((one) => one.name === slot.topic);
  const found = topic?.partitions.find((one) => one.partition === slot.partition);
  if (topic === undefined || found === undefined) {
    slot.absentSinceMs ??= nowMs;
    slot.reason = 'the cluster does not know it';
    if (nowMs - slot.absentSinceMs >= ABSENT_FOR_MS) slot.failure = outOfRange(slot, 'the topic was deleted');
    return;
  }
  slot.absentSinceMs = undefined;
  if (topic.id !== slot.topicId) {
    slot.failure = outOfRange(
      slot,
      `the topic was deleted and created anew (its id is ${topic.id}, the position is of ${slot.topicId})`,
    );
    return;
  }
  if (found.leader < 0) {
    slot.reason = 'it has no leader';
    return;
  }
  const newer = found.leaderEpoch > slot.leaderEpoch;
  if (!newer && slot.leader >= 0) return;
  slot.leader = found.leader;
  slot.leaderEpoch = found.leaderEpoch;
  slot.generation += 1;
  slot.retryAtMs = 0;
}

/** Is its leader to be looked up? A partition whose buffer is full is not fetched, so it lacks no answer. */
export function needsLeader(slot: Slot, hasRoom: boolean, nowMs: number): boolean {
  if (slot.failure !== undefined) return false;
  return slot.stale || slot.leader < 0 || (hasRoom && nowMs - slot.servedAtMs > UNSERVED_MS);
}

export interface StalledPartition {
  readonly topic: string;
  readonly partition: number;
  readonly sinceMs: number;
  readonly reason: string;
}

/** This partition, when it had no successful fetch for longer than `olderThanMs` although it wants one. */
export function stalledBy(
  slot: Slot,
  hasRoom: boolean,
  nowMs: number,
  olderThanMs: number,
): StalledPartition[] {
  if (slot.failure === undefined && (!hasRoom || nowMs - slot.servedAtMs <= olderThanMs)) return [];
  const reason = slot.failure?.message ?? (slot.reason === '' ? 'its leader has not answered' : slot.reason);
  return [{ topic: slot.topic, partition: slot.partition, sinceMs: slot.servedAtMs, reason }];
}

function outOfRange(slot: Slot, why: string): UpliftError {
  return new UpliftError('UPL-KAFKA-OUT-OF-RANGE', {
    message: `${slot.key}: offset ${slot.nextOffset} cannot be read: ${why}.`,
    next: 'Nothing was skipped. Decide where to go on (records in between are gone), then seek there.',
  });
}
