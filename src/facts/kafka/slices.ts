import type { InRecord, Read, RecordBatch } from '../../clients/kafka/ports.ts';

/** A part of one partition's log: [fromOffset, endOffset). */
export interface Slice {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly fromOffset: bigint;
  readonly endOffset: bigint;
}

export interface SliceLimits {
  /** Longest the whole read may take. */
  readonly timeoutMs: number;
  readonly maxRecords?: number;
  /** Bytes of keys and values. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}

export interface SlicesRead {
  readonly records: number;
  /** What was not read to its end, from where on. */
  readonly unread: readonly Slice[];
  /** Which limit ended the read; null when every slice was read to its end. */
  readonly cutBy: 'time' | 'records' | 'bytes' | null;
}

const LOOK_MS = 500;

/**
 * Reads slices of partitions (each partition once) with a reader of its own and hands every record over, ascending
 * within a partition. A limit ends the read early and is told, never hidden. Throws what the reader throws, such as
 * UPL-KAFKA-OUT-OF-RANGE, and the signal's reason.
 */
export async function readSlices(request: {
  readonly read: Pick<Read, 'open'>;
  readonly slices: readonly Slice[];
  readonly add: (slice: Slice, record: InRecord) => void;
  readonly limits: SliceLimits;
}): Promise<SlicesRead> {
  const { limits } = request;
  const open = new Map(
    request.slices.filter((s) => s.fromOffset < s.endOffset).map((s) => [`${s.topic}/${s.partition}`, s]),
  );
  if (open.size === 0) return { records: 0, unread: [], cutBy: null };
  const endsAtMs = performance.now() + limits.timeoutMs;
  let records = 0;
  let bytes = 0;
  const limitReached = (): SlicesRead['cutBy'] => {
    if (records >= (limits.maxRecords ?? Number.POSITIVE_INFINITY)) return 'records';
    if (bytes >= (limits.maxBytes ?? Number.POSITIVE_INFINITY)) return 'bytes';
    return performance.now() > endsAtMs ? 'time' : null;
  };
  const take = (batch: RecordBatch, slice: Slice): void => {
    const key = `${batch.topic}/${batch.partition}`;
    for (const record of batch.records) {
      if (record.offset >= slice.endOffset) break;
      if (limitReached() !== null) {
        open.set(key, { ...slice, fromOffset: record.offset });
        return;
      }
      request.add(slice, record);
      records += 1;
      bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
    }
    if (batch.nextOffset >= slice.endOffset) open.delete(key);
    else open.set(key, { ...slice, fromOffset: batch.nextOffset });
  };
  const reader = request.read.open(
    [...open.values()].map(({ topic, topicId, partition, fromOffset }) => ({
      topic,
      topicId,
      partition,
      nextOffset: fromOffset,
    })),
  );
  try {
    let cutBy: SlicesRead['cutBy'] = null;
    while (open.size > 0 && cutBy === null) {
      limits.signal?.throwIfAborted();
      const batch = await reader.next(Math.max(1, Math.min(LOOK_MS, endsAtMs - performance.now())));
      const slice = batch === undefined ? undefined : open.get(`${batch.topic}/${batch.partition}`);
      if (batch !== undefined && slice !== undefined) take(batch, slice);
      if (open.size > 0) cutBy = limitReached();
    }
    return { records, unread: [...open.values()], cutBy };
  } finally {
    await reader.close();
  }
}
