import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import type { Produce, Read, Reader, RecordBatch } from '../../clients/kafka/ports.ts';
import { UpliftError } from '../../core/error.ts';
import { meteredProduce, meteredRead } from './flow-metrics.ts';

/** Lines of a metric, without help and type. */
async function lines(registry: Registry, name: string): Promise<string[]> {
  const text = await registry.metrics();
  return text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
}

describe('what goes to Kafka', () => {
  test('is counted by topic and by what is known of it, and timed when it was acknowledged', async () => {
    const registry = new Registry();
    const answers: (Error | undefined)[] = [
      undefined,
      new UpliftError('UPL-KAFKA-PRODUCE', { message: 'unknown' }),
      new UpliftError('UPL-KAFKA-OVERLOADED', { message: 'full' }),
    ];
    const send: Produce['send'] = async ({ topic, partition, records }) => {
      const error = answers.shift();
      if (error !== undefined) throw error;
      return { topic, partition, baseOffset: 0n, count: records.length };
    };
    const produce = meteredProduce({ send, close: async () => undefined }, registry);
    const record = { key: null, value: null, headers: [] };
    for (const count of [3, 2, 1]) {
      const records = Array.from({ length: count }, () => record);
      await produce.send({ topic: 't', partition: 0, records }, { deadlineMs: 100 }).catch(() => undefined);
    }
    expect(await lines(registry, 'uplift_producer_records_total')).toEqual([
      'uplift_producer_records_total{topic="t",result="acknowledged"} 3',
      'uplift_producer_records_total{topic="t",result="unknown"} 2',
      'uplift_producer_records_total{topic="t",result="refused"} 1',
    ]);
    expect(await lines(registry, 'uplift_producer_send_duration_seconds_count')).toEqual([
      'uplift_producer_send_duration_seconds_count{topic="t"} 1',
    ]);
  });
});

describe('what comes from Kafka', () => {
  test('is counted by topic, with how far behind it is, as long as somebody reads', async () => {
    const registry = new Registry();
    const record = { offset: 0n, leaderEpoch: 0, timestampMs: 0, key: null, value: null, headers: [] };
    const batch = (partition: number, high: bigint): RecordBatch => ({
      topic: 't',
      topicId: 'id',
      partition,
      records: [record],
      nextOffset: 1n,
      highWatermark: high,
    });
    const answers = [batch(0, 5n), batch(1, 3n), undefined, batch(0, 2n), new Error('out of range')];
    const reader: Reader = {
      next: async () => {
        const answer = answers.shift();
        if (answer instanceof Error) throw answer;
        return answer;
      },
      seek: () => undefined,
      stalled: () => [{ topic: 't', partition: 1, sinceMs: 0, reason: 'no answer' }],
      close: async () => undefined,
    };
    const read = meteredRead({ open: () => reader } as unknown as Read, registry);
    const metered = read.open([{ topic: 't', topicId: 'id', partition: 0, nextOffset: 0n }]);
    for (let at = 0; at < 5; at += 1) await metered.next(0).catch(() => undefined);
    expect(await lines(registry, 'uplift_consumer_records_total')).toEqual([
      'uplift_consumer_records_total{topic="t"} 3',
    ]);
    expect(await lines(registry, 'uplift_consumer_lag_records')).toEqual([
      'uplift_consumer_lag_records{topic="t"} 3',
    ]);
    expect(await lines(registry, 'uplift_consumer_stalled_partitions')).toEqual([
      'uplift_consumer_stalled_partitions{topic="t"} 1',
    ]);
    expect(await lines(registry, 'uplift_consumer_poll_errors_total')).toEqual([
      'uplift_consumer_poll_errors_total{topic="t"} 1',
    ]);
    await metered.close();
    expect(await lines(registry, 'uplift_consumer_lag_records')).toEqual([]);
  });
});
