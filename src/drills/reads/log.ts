import type { Read } from '../../clients/kafka/ports.ts';
import { UpliftError } from '../../core/error.ts';
import { readSlices } from '../../facts/kafka/slices.ts';
import type { FoldRecord } from '../../load/final-folds.ts';
import type { Bounds } from '../../load/final-reads.ts';

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
  const { read, topic, timeoutMs, deadlineMs } = request;
  const all = await read.bounds([topic], { timeoutMs });
  const [first] = all;
  if (first === undefined)
    throw new UpliftError('UPL-KAFKA-REQUEST', { message: `Topic ${topic} does not exist.` });
  const holes: string[] = [];
  const expected = new Map(all.map(({ partition, startOffset }) => [partition, startOffset]));
  const { records, unread } = await readSlices({
    read,
    slices: all.map(({ startOffset, ...bounds }) => ({ ...bounds, fromOffset: startOffset })),
    limits: { timeoutMs: deadlineMs },
    add: ({ partition }, record) => {
      const next = expected.get(partition) ?? 0n;
      if (record.offset !== next) holes.push(`${topic}/${partition} ${next}–${record.offset - 1n}`);
      expected.set(partition, record.offset + 1n);
      request.add(partition, record);
    },
  });
  if (unread.length > 0) {
    const names = unread.map(({ partition }) => partition).slice(0, 6);
    throw new UpliftError('UPL-DEADLINE', {
      message: `${topic}: partitions ${names.join(', ')} were not read to their end within ${deadlineMs} ms`,
    });
  }
  return { topicId: first.topicId, bounds: new Map(all.map((b) => [b.partition, b])), records, holes };
}
