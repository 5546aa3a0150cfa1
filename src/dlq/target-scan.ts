import type { InRecord, OffsetAtTime, PartitionBounds } from '../clients/kafka/ports.ts';
import { originKey, readReplay } from '../contract/dead-letter.ts';
import type { Slice, SlicesRead } from '../facts/kafka/slices.ts';
import type { LetterSeen } from './letters.ts';

/**
 * How much earlier than the failure the target log is looked at: clocks of the consumer that wrote the letter and of
 * whoever replays may differ by this much.
 */
export const CLOCK_MARGIN_MS = 600_000;

/** A replayed record as it stands in the target log. */
export interface ReplaySeen {
  readonly id: string;
  readonly attempt: number;
  readonly partition: number;
  readonly offset: bigint;
}

/** How far the look at one target partition reaches. */
export interface Coverage {
  /** A replay written at or after this moment would have been seen; Infinity: the log shows nothing of the past. */
  readonly reachesBackMs: number;
  /** First offset still in the log: everything from here on could be seen. */
  readonly startOffset: bigint;
  /** False when a limit ended the read before the end that was captured. */
  readonly complete: boolean;
}

/** What the target log says about replays. */
export interface TargetScan {
  /** By `originKey`. */
  readonly replays: ReadonlyMap<string, readonly ReplaySeen[]>;
  readonly coverage: ReadonlyMap<number, Coverage>;
  /** Keys of letters (base64) → last offset of a record with that key that is no replay, by target partition. */
  readonly newest: ReadonlyMap<string, bigint>;
  readonly records: number;
}

/** From when on a replay of this letter can stand in the target log. */
export function sinceMs({ letter, timestampMs }: LetterSeen): number {
  return Math.max(0, Math.min(letter?.failedAtMs ?? timestampMs, timestampMs) - CLOCK_MARGIN_MS);
}

/** The letters of a partition of the target topic, for those that came from it. */
export function byTargetPartition(
  letters: readonly LetterSeen[],
  targetTopicId: string,
): Map<number, LetterSeen[]> {
  const ours = letters.filter(({ letter }) => letter?.origin.topicId === targetTopicId);
  return Map.groupBy(ours, ({ letter }) => letter?.origin.partition ?? -1);
}

/**
 * Where to look for replays: a replay stands after the origin's own offset, and not before the failure. Partitions
 * without letters are not looked at.
 */
export function scanSlices(
  letters: ReadonlyMap<number, readonly LetterSeen[]>,
  bounds: readonly PartitionBounds[],
  times: readonly OffsetAtTime[],
): Slice[] {
  return bounds.flatMap((bound): Slice[] => {
    const own = letters.get(bound.partition);
    if (own === undefined) return [];
    const atTime = times.find(({ partition }) => partition === bound.partition);
    const byTime = atTime?.offset ?? (atTime === undefined ? bound.startOffset : bound.endOffset);
    const byOrigin = own.reduce(
      (least, { letter }) => min(least, (letter?.origin.offset ?? -1n) + 1n),
      bound.endOffset,
    );
    const { topic, topicId, partition, startOffset, endOffset } = bound;
    return [{ topic, topicId, partition, fromOffset: max(startOffset, max(byTime, byOrigin)), endOffset }];
  });
}

export interface ReplayFold {
  add(slice: Pick<Slice, 'partition'>, record: InRecord): void;
  readonly replays: ReadonlyMap<string, readonly ReplaySeen[]>;
  readonly newest: ReadonlyMap<string, bigint>;
  /** Timestamp of the first record handed over, by partition. */
  readonly firstMs: ReadonlyMap<number, number>;
}

/** Collects replays, and the newest other record of each of these keys (`<partition>:<base64>`). */
export function foldReplays(keys: ReadonlySet<string> = new Set()): ReplayFold {
  const replays = new Map<string, ReplaySeen[]>();
  const newest = new Map<string, bigint>();
  const firstMs = new Map<number, number>();
  return {
    add({ partition }, record) {
      if (!firstMs.has(partition)) firstMs.set(partition, record.timestampMs);
      const replay = readReplay(record.headers);
      if (replay !== undefined) {
        const key = originKey(replay.origin);
        const seen = { id: replay.id, attempt: replay.attempt, partition, offset: record.offset };
        replays.set(key, [...(replays.get(key) ?? []), seen]);
      } else if (record.key !== null && keys.size > 0) {
        const key = keyIn(partition, record.key.toString('base64'));
        if (keys.has(key)) newest.set(key, record.offset);
      }
    },
    replays,
    newest,
    firstMs,
  };
}

export const keyIn = (partition: number, key: string): string => `${partition}:${key}`;

/** How far back each partition could be looked at. Pure, so that a log cut by retention can be tried out. */
export function coverageOf(
  slices: readonly Slice[],
  bounds: readonly PartitionBounds[],
  times: readonly OffsetAtTime[],
  read: Pick<SlicesRead, 'unread'>,
  firstMs: ReadonlyMap<number, number>,
): Map<number, Coverage> {
  return new Map(
    slices.map(({ partition }) => {
      const bound = bounds.find((one) => one.partition === partition);
      const startOffset = bound?.startOffset ?? 0n;
      const empty = bound === undefined || bound.startOffset >= bound.endOffset;
      const atTime = times.find((one) => one.partition === partition)?.offset;
      const complete = !read.unread.some((one) => one.partition === partition);
      return [
        partition,
        {
          startOffset,
          complete,
          reachesBackMs: reachesBack(startOffset, empty, atTime, firstMs.get(partition)),
        },
      ];
    }),
  );
}

function reachesBack(
  startOffset: bigint,
  empty: boolean,
  atTime: bigint | null | undefined,
  firstMs: number | undefined,
): number {
  // Nothing was ever cut away.
  if (startOffset === 0n) return 0;
  if (empty || atTime === undefined) return Number.POSITIVE_INFINITY;
  // Something older than every letter still stands in the log.
  if (atTime === null || atTime > startOffset) return 0;
  return firstMs ?? Number.POSITIVE_INFINITY;
}

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
