import { describe, expect, test } from 'vitest';
import type { InRecord, RecordBatch } from '../../clients/kafka/ports.ts';
import { tracingOf } from '../telemetry/spans.ts';
import { MemoryRecorder } from '../telemetry/testing/recorder.ts';
import type { Letter, Projection } from './fold.ts';
import { traceApplied } from './traces.ts';

const header = (n: number, flags: string): string => `00-${String(n).repeat(32)}-${'b'.repeat(16)}-${flags}`;

function record(offset: number, traceparent: string): InRecord {
  return {
    offset: BigInt(offset),
    leaderEpoch: 0,
    timestampMs: 0,
    key: null,
    value: null,
    headers: [[Buffer.from('traceparent'), Buffer.from(traceparent)]],
  };
}

const RECORDS = [
  record(0, header(1, '01')),
  record(1, header(2, '00')),
  record(2, 'nonsense'),
  record(3, header(3, '01')),
  // Not applied: the partition stopped before it.
  record(4, header(4, '01')),
];
const BATCH: RecordBatch = {
  topic: 'e',
  topicId: 'id',
  partition: 5,
  records: RECORDS,
  nextOffset: 5n,
  highWatermark: 5n,
};

describe('the trace of a projection', () => {
  test('has a span for each recorded event that was applied, below whoever wrote it; one put aside fails', () => {
    const recorder = new MemoryRecorder();
    const at = { leaderEpoch: 0, decidedThrough: 0n, commandsTopicId: null, logTimeMs: 0 };
    const position = { nextOffset: 4n, ...at };
    const letter = { partition: 5, record: RECORDS[3], failure: { errorCode: 'schema-unknown' } };
    const projection: Pick<Projection, 'moves' | 'letters'> = {
      moves: [{ partition: 5, from: { ...position, nextOffset: 0n }, to: position }],
      letters: [letter as unknown as Letter],
    };
    const startMs = Date.now() - 20;
    traceApplied(tracingOf(recorder, { parentBased: true, ratio: 1 }), projection, {
      batches: [BATCH],
      startMs,
    });
    const apply = `apply reservations.events below ${'b'.repeat(16)}`;
    expect(recorder.tree()).toEqual([`${apply}: ended`, `${apply}: schema-unknown`]);
    expect(recorder.spans.map(({ traceId }) => traceId)).toEqual(['1'.repeat(32), '3'.repeat(32)]);
    expect(recorder.spans[0]?.plan.startMs).toBe(startMs);
    expect(recorder.spans[0]?.attributes).toMatchObject({
      'messaging.kafka.offset': 0,
      'messaging.destination.partition.id': '5',
      'messaging.batch.message_count': 5,
    });
  });
});
