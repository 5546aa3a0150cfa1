import { setTimeout as delay } from 'node:timers/promises';
import type { PartitionBounds } from '../../clients/kafka/ports.ts';
import { VIEWS } from '../../contract/projection.ts';
import type { AskPostgres } from '../ask-postgres.ts';

/** One row of the offsets view. */
export interface ProjectedPartition {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly nextOffset: bigint;
  readonly decidedThrough: bigint;
}

/** How far the projection had to go, and how long it took, seen from outside. */
export interface CatchUp {
  /** Ends of the events partitions when the look began. */
  readonly ends: readonly PartitionBounds[];
  /** Records that were still to be projected when the look began. */
  readonly behindRecords: number;
  /** Ms until every partition had passed the ends seen at the start; null when it did not within the limit. */
  readonly caughtUpInMs: number | null;
  /** Partitions of the events topic without a row, or with another topic id: nothing is known of them. */
  readonly unknownPartitions: readonly number[];
  readonly stillBehind: readonly { readonly partition: number; readonly records: number }[];
}

const OFFSETS_SQL = `SELECT topic, topic_id, partition, next_offset::text AS next_offset, decided_through::text AS decided_through FROM ${VIEWS.offsets} WHERE topic = $1`;

/** Rows of the offsets view for one topic. */
export async function readProjected(
  ask: AskPostgres,
  topic: string,
  timeoutMs: number,
): Promise<ProjectedPartition[]> {
  const { rows } = await ask.query(OFFSETS_SQL, [topic], { timeoutMs });
  return rows.map((row) => ({
    topic: String(row.topic),
    topicId: String(row.topic_id),
    partition: Number(row.partition),
    nextOffset: BigInt(String(row.next_offset)),
    decidedThrough: BigInt(String(row.decided_through)),
  }));
}

/**
 * Measures freshness by watching: remembers the ends of the events topic, then waits until the projection has passed
 * them. A clock difference cannot fake it, and an idle topic is fresh at once.
 */
export async function watchCatchUp(request: {
  readonly ask: AskPostgres;
  readonly ends: readonly PartitionBounds[];
  readonly limitMs: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}): Promise<CatchUp> {
  const { ask, ends, limitMs, timeoutMs, signal } = request;
  const startedMs = performance.now();
  const topic = ends[0]?.topic ?? '';
  const first = compareProgress(ends, await readProjected(ask, topic, timeoutMs));
  let now = first;
  while (
    now.stillBehind.length > 0 &&
    now.unknownPartitions.length === 0 &&
    performance.now() - startedMs < limitMs
  ) {
    await delay(50, undefined, { signal });
    now = compareProgress(ends, await readProjected(ask, topic, timeoutMs));
  }
  const done = now.stillBehind.length === 0 && now.unknownPartitions.length === 0;
  return {
    ends,
    ...now,
    behindRecords: first.behindRecords,
    caughtUpInMs: done ? performance.now() - startedMs : null,
  };
}

/** Pure: which partitions have not passed their ends, and which are unknown. */
export function compareProgress(
  ends: readonly PartitionBounds[],
  projected: readonly ProjectedPartition[],
): Pick<CatchUp, 'behindRecords' | 'stillBehind' | 'unknownPartitions'> {
  const unknownPartitions: number[] = [];
  const stillBehind: { partition: number; records: number }[] = [];
  for (const end of ends) {
    const row = projected.find(
      (candidate) => candidate.partition === end.partition && candidate.topicId === end.topicId,
    );
    if (row === undefined) unknownPartitions.push(end.partition);
    else if (row.nextOffset < end.endOffset)
      stillBehind.push({ partition: end.partition, records: Number(end.endOffset - row.nextOffset) });
  }
  return {
    behindRecords: stillBehind.reduce((sum, { records }) => sum + records, 0),
    stillBehind,
    unknownPartitions,
  };
}
