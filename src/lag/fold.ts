import type { Told } from '../clients/kafka/group-ports.ts';
import type { ClusterState } from '../clients/kafka/ports.ts';
import { type ConsumerLook, keyOf, type Look, type Position } from '../facts/groups/look.ts';
import type { ConsumerFacts, PartitionFacts } from './types.ts';

/** Everything asked beside the looks, by `topic/partition`; times by `timeKey`. */
export interface Beside {
  readonly topics: ClusterState['topics'];
  readonly starts: ReadonlyMap<string, Told<bigint>>;
  readonly stable: ReadonlyMap<string, Told<bigint>>;
  readonly times: ReadonlyMap<string, Told<number | null>>;
}

export const timeKey = (partition: string, offset: bigint): string => `${partition}@${offset}`;

/** Puts the first and the last look at one consumer together. Pure. */
export function foldConsumer(first: Look, last: Look, consumer: ConsumerLook, beside: Beside): ConsumerFacts {
  const { kind, name, groupState, positions } = consumer;
  const base = { kind, name, groupState, atMs: last.atMs, windowMs: last.monoMs - first.monoMs };
  if (!positions.told)
    return { ...base, trouble: { state: 'noAnswer', reason: positions.reason }, partitions: [] };
  const then = first.consumers.find((one) => one.kind === kind && one.name === name)?.positions;
  const before = new Map(
    (then?.told === true ? then.value : []).map((one) => [keyOf(one), one.offset] as const),
  );
  const partitions = positions.value.map((position) =>
    foldPartition(position, { first, last, before: before.get(keyOf(position)), beside }),
  );
  return { ...base, trouble: null, partitions: [...partitions, ...unplaced(consumer, beside)] };
}

interface Around {
  readonly first: Look;
  readonly last: Look;
  readonly before: bigint | undefined;
  readonly beside: Beside;
}

const NOTHING = {
  committed: null,
  start: null,
  end: null,
  stable: null,
  before: null,
  oldest: null,
} as const;

function foldPartition(position: Position, { first, last, before, beside }: Around): PartitionFacts {
  const { topic, partition, offset, topicId } = position;
  const key = keyOf(position);
  const known = beside.topics.find(({ name }) => name === topic);
  if (topicId !== undefined && known !== undefined && known.id !== topicId) {
    const reason = 'the topic was made again after this position was stored';
    return { topic, partition, ...NOTHING, committed: offset, trouble: { state: 'beyond', reason } };
  }
  const end = last.ends.get(key);
  if (end === undefined || !end.told) {
    const state = known === undefined ? 'unknown' : 'noAnswer';
    const reason = end?.reason ?? 'its end was not asked for';
    return { topic, partition, ...NOTHING, committed: offset, trouble: { state, reason } };
  }
  const endBefore = value(first.ends.get(key));
  const start = value(beside.starts.get(key));
  return {
    topic,
    partition,
    committed: offset,
    start,
    end: end.value,
    stable: value(beside.stable.get(key)),
    before: before === undefined || endBefore === null ? null : { committed: before, end: endBefore },
    oldest: beside.times.get(timeKey(key, nextUnread(offset, start))) ?? null,
    trouble: null,
  };
}

/** Partitions of a projection's topic without a position. */
function unplaced({ topic, positions }: ConsumerLook, { topics }: Beside): PartitionFacts[] {
  if (topic === null || !positions.told) return [];
  const placed = new Set(positions.value.map(({ partition }) => partition));
  const missing = (partition: number, reason: string): PartitionFacts => ({
    topic,
    partition,
    ...NOTHING,
    trouble: { state: 'unknown', reason },
  });
  const known = topics.find(({ name }) => name === topic);
  if (known === undefined) return placed.size === 0 ? [missing(0, 'the topic does not exist')] : [];
  return known.partitions.flatMap(({ partition }) =>
    placed.has(partition) ? [] : [missing(partition, 'it has no position for this partition')],
  );
}

/** Where the first record not consumed may stand: records below the start of the log are gone. */
export function nextUnread(committed: bigint, start: bigint | null): bigint {
  return start !== null && start > committed ? start : committed;
}

function value<T>(told: Told<T> | undefined): T | null {
  return told?.told === true ? told.value : null;
}

/** A partition with something to consume, and the position of the first of it. */
export interface Unread {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly records: bigint;
}

/** What of a consumer is not consumed, the most first. */
export function unreadOf(consumer: ConsumerLook, look: Look, starts: Beside['starts']): Unread[] {
  if (!consumer.positions.told) return [];
  const found = consumer.positions.value.flatMap((position) => {
    const key = keyOf(position);
    const end = value(look.ends.get(key));
    const offset = nextUnread(position.offset, value(starts.get(key)));
    if (end === null || end <= offset) return [];
    const { topic, partition } = position;
    return [{ topic, partition, offset, records: end - offset }];
  });
  return found.toSorted((a, b) => Number(b.records - a.records));
}

/** At most `max` positions, each once: in turns over the consumers, so that a large one leaves room for the others. */
export function inTurns(lists: readonly (readonly Unread[])[], max: number): Unread[] {
  const chosen = new Map<string, Unread>();
  const longest = Math.max(0, ...lists.map((list) => list.length));
  for (let at = 0; at < longest && chosen.size < max; at += 1) {
    for (const list of lists) {
      const one = list[at];
      if (one !== undefined && chosen.size < max) chosen.set(timeKey(keyOf(one), one.offset), one);
    }
  }
  return [...chosen.values()];
}
