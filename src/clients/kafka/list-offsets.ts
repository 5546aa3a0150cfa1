import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@platformatic/kafka';
import { UpliftError } from '../../core/error.ts';
import { errorName, requestFailed } from './answers.ts';
import type { Brokers } from './brokers.ts';
import { LinkError } from './link.ts';
import { describeCluster } from './metadata.ts';
import { EARLIEST, LATEST, listOffsets } from './offset-request.ts';
import type { OffsetAtTime, PartitionBounds, TimeWant } from './ports.ts';

const PAUSE_MS = 200;

interface Wanted {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly leaderEpoch: number;
}

/**
 * First offset and high watermark of every partition of these topics: one Metadata request, then two ListOffsets per
 * leader; partitions without an answer are asked again at their new leader until `timeoutMs` is over. All or nothing:
 * throws UPL-KAFKA-REQUEST for a topic that does not exist and for partitions that nobody answered for.
 */
export function bounds(
  brokers: Brokers,
  topics: readonly string[],
  timeoutMs: number,
): Promise<PartitionBounds[]> {
  return askLeaders(brokers, topics, timeoutMs, {
    what: 'the first and last offset of every partition',
    wants: () => true,
    ask: boundsAt,
  });
}

/** First record of each partition that is not older than the time asked for; each partition once a call. As `bounds`. */
export function offsetsAt(
  brokers: Brokers,
  wants: readonly TimeWant[],
  timeoutMs: number,
): Promise<OffsetAtTime[]> {
  const times = new Map(wants.map((want) => [keyOf(want), BigInt(want.timestampMs)]));
  return askLeaders(brokers, [...new Set(wants.map(({ topic }) => topic))], timeoutMs, {
    what: 'the offset at a time of partitions',
    wants: (partition) => times.has(keyOf(partition)),
    ask: async (connection, wanted) => {
      const found = await foundOffsets(connection, wanted, (one) => times.get(keyOf(one)) ?? LATEST);
      return wanted.flatMap(({ topic, topicId, partition }): OffsetAtTime[] => {
        const offset = found.get(`${topic}/${partition}`);
        if (offset === undefined) return [];
        return [{ topic, topicId, partition, offset: offset < 0n ? null : offset }];
      });
    },
  });
}

const keyOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }): string =>
  `${topic}/${partition}`;

interface LeaderQuestion<T> {
  readonly what: string;
  readonly wants: (partition: Wanted) => boolean;
  /** Answers for those partitions that this broker leads now; the others are left out. */
  readonly ask: (connection: Connection, wants: readonly Wanted[]) => Promise<T[]>;
}

async function askLeaders<T extends { readonly topic: string; readonly partition: number }>(
  brokers: Brokers,
  topics: readonly string[],
  timeoutMs: number,
  question: LeaderQuestion<T>,
): Promise<T[]> {
  if (topics.length === 0) return [];
  const endsAtMs = performance.now() + timeoutMs;
  const leftMs = (): number => Math.max(1, endsAtMs - performance.now());
  const found = new Map<string, T>();
  let reason = 'no leader';
  do {
    const state = await describeCluster(brokers, topics, { timeoutMs: leftMs() });
    const absent = topics.filter((name) => !state.topics.some((topic) => topic.name === name));
    if (absent.length > 0)
      throw requestFailed(`read the offsets of ${absent.join(', ')}`, new Error(errorName(3)));
    const wanted = state.topics.flatMap((topic) =>
      topic.partitions
        .map(({ partition, leader, leaderEpoch }) => ({
          leader,
          wanted: { topic: topic.name, topicId: topic.id, partition, leaderEpoch },
        }))
        .filter((one) => question.wants(one.wanted)),
    );
    const missing = wanted.filter((one) => !found.has(keyOf(one.wanted)));
    const asked = [...Map.groupBy(missing, (one) => one.leader)].map(async ([leader, list]) => {
      const broker = state.brokers.find((one) => one.id === leader);
      if (broker === undefined) return;
      const link = brokers.link(`${broker.host}:${broker.port}`);
      try {
        const wants = list.map((one) => one.wanted);
        // Half of what is left at most: a leader that hangs must leave time to ask its successor.
        const tryMs = Math.max(1, Math.min(brokers.target.requestTimeoutMs, leftMs() / 2));
        for (const one of await link.request((to) => question.ask(to, wants), tryMs))
          found.set(keyOf(one), one);
      } catch (error) {
        if (!(error instanceof LinkError)) throw requestFailed('list offsets', error);
        reason = error.message;
      }
    });
    await Promise.all(asked);
    if (found.size === wanted.length) return [...found.values()];
    await delay(PAUSE_MS);
  } while (performance.now() < endsAtMs);
  throw new UpliftError('UPL-KAFKA-REQUEST', {
    message: `Could not read ${question.what} of ${topics.join(', ')} within ${timeoutMs} ms (${reason}).`,
  });
}

async function boundsAt(connection: Connection, wants: readonly Wanted[]): Promise<PartitionBounds[]> {
  const [earliest, latest] = await Promise.all([
    foundOffsets(connection, wants, () => EARLIEST),
    foundOffsets(connection, wants, () => LATEST),
  ]);
  return wants.flatMap((want): PartitionBounds[] => {
    const startOffset = earliest.get(keyOf(want));
    const endOffset = latest.get(keyOf(want));
    return startOffset === undefined || endOffset === undefined ? [] : [{ ...want, startOffset, endOffset }];
  });
}

/** The offsets of those partitions that this broker answered for, by `topic/partition`. */
async function foundOffsets(
  connection: Connection,
  wants: readonly Wanted[],
  timestampOf: (want: Wanted) => bigint,
): Promise<Map<string, bigint>> {
  const got = await listOffsets(connection, wants, timestampOf);
  return new Map(got.flatMap((one) => (one.errorCode === 0 ? [[keyOf(one), one.offset] as const] : [])));
}
