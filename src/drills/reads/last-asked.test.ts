import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PartitionBounds, Read, Reader, RecordBatch } from '../../clients/kafka/ports.ts';
import { isTick, lastAsked } from './last-asked.ts';

const TICK = Buffer.from('{"v":1,"type":"tick"}');
const CREATE = Buffer.from('{"v":1,"type":"create"}');

/** Partitions as lists of values, the first of which stands at `start`; counts the records that were read. */
function logs(partitions: readonly (readonly (Buffer | null)[])[], start: number) {
  const counts = { records: 0 };
  const bounds = partitions.map(
    (values, partition): PartitionBounds => ({
      ...{ topic: 'c', topicId: 'id', partition, leaderEpoch: 0, startOffset: BigInt(start) },
      endOffset: BigInt(start + values.length),
    }),
  );
  const open: Read['open'] = (positions) => {
    const left = [...positions];
    const reader: Partial<Reader> = {
      next: async () => {
        const position = left.shift();
        if (position === undefined) return undefined;
        const values = partitions[position.partition] ?? [];
        const records = values.slice(Number(position.nextOffset) - start).map((value, n) => ({
          ...{ offset: position.nextOffset + BigInt(n), leaderEpoch: 0, timestampMs: 0, key: null },
          ...{ value, headers: [] },
        }));
        counts.records += records.length;
        const end = BigInt(start + values.length);
        const at = { topic: 'c', topicId: 'id', partition: position.partition };
        return { ...at, records, nextOffset: end, highWatermark: end } satisfies RecordBatch;
      },
      close: async () => undefined,
    };
    return reader as Reader;
  };
  return { read: { open }, bounds, counts };
}

describe('the last command that has to be decided', () => {
  it('is the last that is no tick, however many ticks follow it, and none where there are only ticks', async () => {
    const value = fc.oneof(
      { weight: 6, arbitrary: fc.constant(TICK) },
      { weight: 1, arbitrary: fc.constant(CREATE) },
      { weight: 1, arbitrary: fc.constantFrom(null, Buffer.from('garbage')) },
    );
    const tail = fc.nat({ max: 3000 }).map((count) => Array.from({ length: count }, () => TICK));
    const partition = fc
      .tuple(fc.array(value, { maxLength: 30 }), tail)
      .map(([head, ticks]) => [...head, ...ticks]);
    await fc.assert(
      fc.asyncProperty(fc.array(partition, { maxLength: 4 }), fc.nat({ max: 9 }), async (all, start) => {
        const { read, bounds } = logs(all, start);
        const expected = all.flatMap((values, number) => {
          const last = values.findLastIndex((each) => !isTick(each));
          return last === -1 ? [] : [[number, BigInt(start + last)] as const];
        });
        expect([...(await lastAsked(read, bounds, 5000))].toSorted(([a], [b]) => a - b)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('is found without reading the whole log', async () => {
    const { read, bounds, counts } = logs([Array.from({ length: 50_000 }, () => CREATE)], 0);
    expect(await lastAsked(read, bounds, 5000)).toEqual(new Map([[0, 49_999n]]));
    expect(counts.records).toBe(200);
  });
});
