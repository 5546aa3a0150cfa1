import type { RecordBatch } from '../../clients/kafka/ports.ts';
import { TOPICS } from '../../contract/records.ts';
import { startTaking } from '../telemetry/messaging.ts';
import type { Tracing } from '../telemetry/spans.ts';
import type { Projection } from './fold.ts';

/**
 * A span for each event of recorded traces that a committed transaction applied, from when its batch was begun to now. Events
 * that were put aside are in it as failed: what their trace asked for is not in the projection.
 */
export function traceApplied(
  tracing: Tracing,
  projection: Pick<Projection, 'moves' | 'letters'>,
  { batches, startMs }: { readonly batches: readonly RecordBatch[]; readonly startMs: number },
): void {
  const ends = new Map(projection.moves.map(({ partition, to }) => [partition, to.nextOffset]));
  const parked = new Map(
    projection.letters.map((letter) => [
      keyOf(letter.partition, letter.record.offset),
      letter.failure.errorCode,
    ]),
  );
  const records = batches.reduce((sum, batch) => sum + batch.records.length, 0);
  for (const { partition, records: inBatch } of batches) {
    const end = ends.get(partition) ?? 0n;
    for (const record of inBatch) {
      const parent = record.offset < end ? tracing.ofRecord(record.headers) : undefined;
      if (parent === undefined) continue;
      const taken = { topic: TOPICS.events, partition, record, parent, operation: 'apply', startMs };
      const code = parked.get(keyOf(partition, record.offset));
      startTaking(tracing, taken).end({ 'messaging.batch.message_count': records }, code);
    }
  }
}

const keyOf = (partition: number, offset: bigint): string => `${partition}/${offset}`;
