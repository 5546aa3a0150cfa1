import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchQueue } from './batch-queue.ts';
import type { RecordBatch } from './ports.ts';

function numbered(partition: number, nextOffset: number): RecordBatch {
  return {
    topic: 't',
    topicId: 'id',
    partition,
    records: [],
    nextOffset: BigInt(nextOffset),
    highWatermark: 0n,
  };
}

describe('the queue of fetched batches', () => {
  it('gives every batch once and in order within its partition', () => {
    const step = fc.oneof(fc.nat(3), fc.constant('take' as const));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new BatchQueue(1000);
        const added = new Map<number, number>();
        const taken = new Map<number, number[]>();
        const take = (): boolean => {
          const got = queue.take();
          if (got !== undefined)
            taken.set(got.partition, [...(taken.get(got.partition) ?? []), Number(got.nextOffset)]);
          return got !== undefined;
        };
        for (const one of steps) {
          if (one === 'take') take();
          else {
            const at = (added.get(one) ?? 0) + 1;
            added.set(one, at);
            queue.add(`t/${one}`, numbered(one, at), 10);
          }
        }
        while (take());
        for (const [partition, count] of added)
          expect(taken.get(partition)).toEqual(Array.from({ length: count }, (_, i) => i + 1));
      }),
    );
  });

  it('lets every waiting partition have its turn before a full one gets its second', () => {
    const queue = new BatchQueue(1000);
    for (let i = 1; i <= 5; i += 1) queue.add('t/0', numbered(0, i), 10);
    queue.add('t/1', numbered(1, 1), 10);
    queue.add('t/2', numbered(2, 1), 10);
    expect([1, 2, 3, 4].map(() => queue.take()?.partition)).toEqual([0, 1, 2, 0]);
  });

  it('has no room in a partition at its limit until something of it is taken', () => {
    const queue = new BatchQueue(100);
    queue.add('t/0', numbered(0, 1), 60);
    expect(queue.hasRoom('t/0')).toBe(true);
    queue.add('t/0', numbered(0, 2), 60);
    expect(queue.hasRoom('t/0')).toBe(false);
    expect(queue.hasRoom('t/1')).toBe(true);
    queue.take();
    expect(queue.hasRoom('t/0')).toBe(true);
  });
});
