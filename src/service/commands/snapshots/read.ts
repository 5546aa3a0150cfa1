import type { PartitionBounds, Read } from '../../../clients/kafka/ports.ts';
import { TOPICS } from '../../../contract/records.ts';
import { UpliftError } from '../../../core/error.ts';
import { boundsOf } from '../../runtime/topics.ts';
import { SlotBook } from './codec.ts';

/** What stands in the slots of a partition, and where its log ended when it was read. */
export interface SlotsRead {
  readonly book: SlotBook;
  readonly endOffset: bigint;
}

export interface SlotsRequest {
  readonly read: Pick<Read, 'bounds' | 'open'>;
  readonly partitions: readonly number[];
  /** Longest the whole may take. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

interface Want {
  readonly bounds: PartitionBounds;
  readonly fromOffset: bigint;
}

/** Offsets looked through at first: two small snapshots. */
const WINDOW = 64n;
const WIDER = 8n;
const LOOK_MS = 500;
const BOUNDS_TIMEOUT_MS = 5000;

/**
 * The slots of partitions, read from the end of their logs backwards in windows that grow until nothing older can matter:
 * compaction may be far behind. Throws UPL-KAFKA-REQUEST when that takes longer than it may, and what the reader throws.
 */
export async function readSlots(request: SlotsRequest): Promise<Map<number, SlotsRead>> {
  const endsAtMs = performance.now() + request.timeoutMs;
  const bounds = await request.read.bounds([TOPICS.snapshots], { timeoutMs: BOUNDS_TIMEOUT_MS });
  const found = new Map<number, SlotsRead>();
  let open = request.partitions.map((partition) => boundsOf(bounds, TOPICS.snapshots, partition));
  for (let window = WINDOW; open.length > 0; window *= WIDER) {
    const wants = open.map((each): Want => {
      const fromOffset = each.endOffset - window;
      return { bounds: each, fromOffset: fromOffset > each.startOffset ? fromOffset : each.startOffset };
    });
    const books = await readBooks(request, wants, endsAtMs);
    const done = ({ bounds: { partition, startOffset }, fromOffset }: Want): boolean =>
      fromOffset === startOffset || books.get(partition)?.isSettled === true;
    for (const { bounds: each } of wants.filter(done))
      found.set(each.partition, {
        book: books.get(each.partition) ?? new SlotBook(),
        endOffset: each.endOffset,
      });
    open = wants.filter((want) => !done(want)).map((want) => want.bounds);
  }
  return found;
}

/** Reads each partition from its offset to the end it had. */
async function readBooks(
  { read, signal }: SlotsRequest,
  wants: readonly Want[],
  endsAtMs: number,
): Promise<Map<number, SlotBook>> {
  const books = new Map(wants.map(({ bounds }) => [bounds.partition, new SlotBook()]));
  const open = new Map(
    wants
      .filter(({ bounds, fromOffset }) => fromOffset < bounds.endOffset)
      .map((want) => [want.bounds.partition, want]),
  );
  if (open.size === 0) return books;
  const positions = [...open.values()].map(({ bounds: { topic, topicId, partition }, fromOffset }) => ({
    ...{ topic, topicId, partition },
    nextOffset: fromOffset,
  }));
  const reader = read.open(positions);
  try {
    while (open.size > 0) {
      signal?.throwIfAborted();
      const leftMs = endsAtMs - performance.now();
      if (leftMs <= 0) throw tooLong([...open.keys()]);
      const batch = await reader.next(Math.min(LOOK_MS, leftMs));
      const want = batch === undefined ? undefined : open.get(batch.partition);
      if (batch === undefined || want === undefined) continue;
      const { endOffset } = want.bounds;
      for (const record of batch.records)
        if (record.offset < endOffset) books.get(batch.partition)?.add(record);
      if (batch.nextOffset >= endOffset) open.delete(batch.partition);
    }
    return books;
  } finally {
    await reader.close();
  }
}

function tooLong(partitions: readonly number[]): UpliftError {
  return new UpliftError('UPL-KAFKA-REQUEST', {
    message: `${TOPICS.snapshots}: ${partitions.length} partitions (${partitions.slice(0, 5).join(', ')}) could not be read to their ends in time`,
  });
}
