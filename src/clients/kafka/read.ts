import { setTimeout as delay } from 'node:timers/promises';
import { type Connection, listOffsetsV7 } from '@platformatic/kafka';
import { UpliftError } from '../../core/error.ts';
import { errorName, requestFailed, wholeAnswer } from './answers.ts';
import { Brokers } from './brokers.ts';
import { epochEnds } from './epochs.ts';
import { LinkError } from './link.ts';
import { describeCluster } from './metadata.ts';
import type { PartitionBounds, Read, Reader, ReadPosition } from './ports.ts';
import { KafkaReader, type ReadOptions } from './reader.ts';
import type { KafkaTarget } from './target.ts';

export type { ReadOptions } from './reader.ts';

const EARLIEST = -2n;
/** With isolation READ_UNCOMMITTED this is the high watermark. */
const LATEST = -1n;
const PAUSE_MS = 200;

/** Read over raw Fetch, ListOffsets and Metadata requests. Closing it closes its readers too. */
export function openRead(target: KafkaTarget, options: Partial<ReadOptions> = {}): Read {
  const brokers = new Brokers(target);
  const readers = new Set<KafkaReader>();
  return {
    bounds: (topics, { timeoutMs }) => bounds(brokers, topics, timeoutMs),
    epochEnds: (wants, { timeoutMs }) => epochEnds(brokers, wants, timeoutMs),
    open: (positions: readonly ReadPosition[], own?: { readonly gatherMs?: number }): Reader => {
      const reader = new KafkaReader(brokers, positions, {
        ...options,
        ...own,
        onClose: (closed) => readers.delete(closed),
      });
      readers.add(reader);
      return reader;
    },
    close: async () => {
      await Promise.all([...readers].map((reader) => reader.close()));
      brokers.close();
    },
  };
}

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
async function bounds(
  brokers: Brokers,
  topics: readonly string[],
  timeoutMs: number,
): Promise<PartitionBounds[]> {
  const endsAtMs = performance.now() + timeoutMs;
  const leftMs = (): number => Math.max(1, endsAtMs - performance.now());
  const found = new Map<string, PartitionBounds>();
  let reason = 'no leader';
  do {
    const state = await describeCluster(brokers, topics, { timeoutMs: leftMs() });
    const absent = topics.filter((name) => !state.topics.some((topic) => topic.name === name));
    if (absent.length > 0)
      throw requestFailed(`read the bounds of ${absent.join(', ')}`, new Error(errorName(3)));
    const missing = state.topics.flatMap((topic) =>
      topic.partitions
        .filter((one) => !found.has(`${topic.name}/${one.partition}`))
        .map(({ partition, leader, leaderEpoch }) => ({
          leader,
          wanted: { topic: topic.name, topicId: topic.id, partition, leaderEpoch },
        })),
    );
    const asked = [...Map.groupBy(missing, (one) => one.leader)].map(async ([leader, list]) => {
      const broker = state.brokers.find((one) => one.id === leader);
      if (broker === undefined) return;
      const link = brokers.link(`${broker.host}:${broker.port}`);
      try {
        const wants = list.map((one) => one.wanted);
        // Half of what is left at most: a leader that hangs must leave time to ask its successor.
        const tryMs = Math.max(1, Math.min(brokers.target.requestTimeoutMs, leftMs() / 2));
        for (const one of await link.request((to) => boundsAt(to, wants), tryMs))
          found.set(`${one.topic}/${one.partition}`, one);
      } catch (error) {
        if (!(error instanceof LinkError)) throw requestFailed('list offsets', error);
        reason = error.message;
      }
    });
    await Promise.all(asked);
    const total = state.topics.reduce((sum, topic) => sum + topic.partitions.length, 0);
    if (found.size === total) return [...found.values()];
    await delay(PAUSE_MS);
  } while (performance.now() < endsAtMs);
  throw new UpliftError('UPL-KAFKA-REQUEST', {
    message: `Could not read the first and last offset of every partition of ${topics.join(', ')} within ${timeoutMs} ms (${reason}).`,
  });
}

/** Bounds of those partitions for which this broker is the leader now; the others are left out. */
async function boundsAt(connection: Connection, wants: readonly Wanted[]): Promise<PartitionBounds[]> {
  const [earliest, latest] = await Promise.all([
    listOffsets(connection, wants, EARLIEST),
    listOffsets(connection, wants, LATEST),
  ]);
  return wants.flatMap((want): PartitionBounds[] => {
    const key = `${want.topic}/${want.partition}`;
    const startOffset = earliest.get(key);
    const endOffset = latest.get(key);
    return startOffset === undefined || endOffset === undefined ? [] : [{ ...want, startOffset, endOffset }];
  });
}

/** ListOffsets v7 takes each partition once a request, hence one request for each end of the log. */
async function listOffsets(
  connection: Connection,
  wants: readonly Wanted[],
  timestamp: bigint,
): Promise<Map<string, bigint>> {
  const topics = [...Map.groupBy(wants, (want) => want.topic)].map(([name, list]) => ({
    name,
    partitions: list.map((want) => ({
      partitionIndex: want.partition,
      currentLeaderEpoch: want.leaderEpoch,
      timestamp,
    })),
  }));
  const answer = await wholeAnswer(listOffsetsV7.api.async(connection, -1, 0, topics));
  const offsets = new Map<string, bigint>();
  for (const topic of answer.topics) {
    for (const one of topic.partitions)
      if (one.errorCode === 0) offsets.set(`${topic.name}/${one.partitionIndex}`, one.offset);
  }
  return offsets;
}
