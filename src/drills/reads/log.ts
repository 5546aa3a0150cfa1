import type { PartitionBounds, Read, RecordBatch } from '../../clients/kafka/ports.ts';
import { UpliftError } from '../../core/error.ts';
import type { Bounds, FoldRecord } from '../../load/final-reads.ts';

/** A topic read from its first offset to the end it had when the read began. */
export interface LogRead {
  readonly topicId: string;
  readonly bounds: ReadonlyMap<number, Bounds>;
  readonly records: number;
  /** Offsets that were skipped although the topic is neither compacted nor transactional: a hole in the log. */
  readonly holes: readonly string[];
}

/**
 * Reads every partition of a topic to its end with a reader of its own. Throws UPL-DEADLINE when the end was not
 * reached in time: a partial read proves nothing.
 */
export async function readWholeTopic(request: {
  readonly read: Read;
  readonly topic: string;
  readonly add: (partition: number, record: FoldRecord) => void;
  readonly timeoutMs: number;
  readonly deadlineMs: number;
}): Promise<LogRead> {
  const { read, topic, add, timeoutMs, deadlineMs } = request;
  const all = await read.bounds([topic], { timeoutMs });
  const [first] = all;
  if (first === undefined)
    throw new UpliftError('UPL-KAFKA-REQUEST', { message: `Topic ${topic} does not exist.` });
  const open = new Map(all.filter((b) => b.startOffset < b.endOffset).map((b) => [b.partition, b]));
  const reader = read.open(
    [...open.values()].map(({ topicId, partition, startOffset }) => ({
      topic,
      topicId,
      partition,
      nextOffset: startOffset,
    })),
  );
  const endsAtMs = performance.now() + deadlineMs;
  const holes: string[] = [];
  const expected = new Map([...open.values()].map((b) => [b.partition, b.startOffset]));
  let records = 0;
  const take = (batch: RecordBatch, endOffset: bigint): void => {
    for (const record of batch.records) {
      if (record.offset >= endOffset) break;
      const next = expected.get(batch.partition) ?? 0n;
      if (record.offset !== next) holes.push(`${topic}/${batch.partition} ${next}–${record.offset - 1n}`);
      expected.set(batch.partition, record.offset + 1n);
      add(batch.partition, record);
      records += 1;
    }
    if (batch.nextOffset >= endOffset) open.delete(batch.partition);
  };
  try {
    while (open.size > 0) {
      if (performance.now() > endsAtMs) throw tooLate(topic, open, deadlineMs);
      const batch = await reader.next(500);
      const end = batch === undefined ? undefined : open.get(batch.partition);
      if (batch !== undefined && end !== undefined) take(batch, end.endOffset);
    }
  } finally {
    await reader.close();
  }
  return { topicId: first.topicId, bounds: new Map(all.map((b) => [b.partition, b])), records, holes };
}

function tooLate(topic: string, open: ReadonlyMap<number, PartitionBounds>, deadlineMs: number): UpliftError {
  const names = [...open.keys()].slice(0, 6).join(', ');
  return new UpliftError('UPL-DEADLINE', {
    message: `${topic}: partitions ${names} were not read to their end within ${deadlineMs} ms`,
  });
}
