import { createRecordsBatch, Reader, type RecordsBatch, readRecordsBatches } from '@platformatic/kafka';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBatches, firstRecord, UnreadableBatch } from './decode.ts';

interface Shape {
  readonly control: boolean;
  /** For each offset of the batch: is its record still there (compaction may have removed it)? */
  readonly kept: readonly boolean[];
}

function batch(firstOffset: number, shape: Shape, extra: Partial<RecordsBatch> = {}): RecordsBatch {
  const records = shape.kept.flatMap((kept, offsetDelta) =>
    kept || shape.control
      ? [
          {
            length: 0,
            attributes: 0,
            timestampDelta: BigInt(offsetDelta),
            offsetDelta,
            key: null,
            value: Buffer.from(`${firstOffset + offsetDelta}`),
            headers: [],
          },
        ]
      : [],
  );
  return {
    firstOffset: BigInt(firstOffset),
    length: 0,
    partitionLeaderEpoch: 4,
    magic: 2,
    crc: 0,
    attributes: shape.control ? 0x30 : 0,
    lastOffsetDelta: shape.kept.length - 1,
    firstTimestamp: 1000n,
    maxTimestamp: 5000n,
    producerId: -1n,
    producerEpoch: 0,
    firstSequence: 0,
    records,
    ...extra,
  };
}

describe('decoding fetched batches', () => {
  it('hands over the headers that stand in each record, whatever the record before has', () => {
    const text = fc
      .constantFrom('', 'a', 'b', 'name', 'a value of more than sixteen bytes')
      .map((one) => Buffer.from(one));
    const headers = fc.array(fc.tuple(text, fc.option(text)), { maxLength: 4 });
    fc.assert(
      fc.property(fc.array(headers, { maxLength: 6 }), (all) => {
        const records = all.map((own, offsetDelta) => ({
          length: 0,
          attributes: 0,
          timestampDelta: 0n,
          offsetDelta,
          key: null,
          value: Buffer.from('x'),
          headers: own,
        }));
        const one = batch(0, { control: false, kept: [] }, {
          records,
          lastOffsetDelta: all.length - 1,
        } as never);
        expect(decodeBatches([one], 0n).records.map((record) => record.headers)).toEqual(all);
      }),
    );
  });

  it('hands over every kept record at or above the position once, and skips the rest', () => {
    const shape = fc.record({
      control: fc.boolean(),
      kept: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
    });
    fc.assert(
      fc.property(fc.array(shape, { maxLength: 6 }), fc.nat(30), (shapes, from) => {
        let end = 0;
        const expected: number[] = [];
        const batches = shapes.map((one) => {
          const first = end;
          end += one.kept.length;
          for (const [delta, kept] of one.kept.entries())
            if (kept && !one.control && first + delta >= from) expected.push(first + delta);
          return batch(first, one);
        });
        const decoded = decodeBatches(batches, BigInt(from));
        expect(decoded.records.map((record) => Number(record.offset))).toEqual(expected);
        expect(decoded.records.map((record) => String(record.value))).toEqual(expected.map(String));
        expect(decoded.nextOffset).toBe(BigInt(Math.max(from, end)));
        const [next] = expected;
        const first = firstRecord(batches, BigInt(from));
        if (next === undefined) expect(first).toEqual({ noneBelow: BigInt(Math.max(from, end)) });
        else expect(first).toMatchObject({ offset: BigInt(next) });
      }),
    );
  });

  it('moves on over a control batch without records', () => {
    const decoded = decodeBatches([batch(7, { control: true, kept: [true] })], 7n);
    expect(decoded).toMatchObject({ records: [], nextOffset: 8n });
  });

  it('gives every record of a LogAppendTime batch the time of the batch', () => {
    const kept = [true, true];
    const [first] = decodeBatches([batch(0, { control: false, kept }, { attributes: 0x08 })], 0n).records;
    expect(first?.timestampMs).toBe(5000);
    expect(decodeBatches([batch(0, { control: false, kept })], 0n).records[1]?.timestampMs).toBe(1001);
  });

  it('refuses transactional records, because it cannot tell aborted ones', () => {
    const transactional = batch(0, { control: false, kept: [true] }, { attributes: 0x10 });
    expect(() => decodeBatches([transactional], 0n)).toThrow(UnreadableBatch);
    // When something was written can be told all the same.
    expect(firstRecord([transactional], 0n)).toEqual({ offset: 0n, timestampMs: 1000 });
  });

  it('drops a batch that the answer cuts off', () => {
    const whole = createRecordsBatch([{ topic: 't', value: Buffer.from('v'), timestamp: 1n }], {
      compression: 'none',
    }).buffer;
    const twice = Buffer.concat([whole, whole.subarray(0, whole.length - 3)]);
    expect(decodeBatches(readRecordsBatches(Reader.from(twice)), 0n).records).toHaveLength(1);
  });
});
