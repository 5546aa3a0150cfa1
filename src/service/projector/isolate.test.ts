import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { InRecord, RecordBatch } from '../../clients/kafka/ports.ts';
import { UpliftError } from '../../core/error.ts';
import { isolate } from './isolate.ts';

const poison = (): UpliftError =>
  new UpliftError('UPL-POSTGRES-QUERY', {
    message: 'value out of range',
    cause: Object.assign(new Error('x'), { code: '22003', severity: 'ERROR' }),
  });

const record = (offset: number): InRecord => ({
  offset: BigInt(offset),
  leaderEpoch: 0,
  timestampMs: 0,
  key: null,
  value: null,
  headers: [],
});

function batchOf(offsets: readonly number[]): RecordBatch {
  const nextOffset = BigInt(offsets.length);
  const at = { topic: 'e', topicId: 'id', partition: 0 };
  return { ...at, records: offsets.map(record), nextOffset, highWatermark: nextOffset };
}

/** A projection that takes parts from its position on and throws at rows that were not put aside. */
function world(bad: ReadonlySet<number>) {
  const applied: number[] = [];
  const aside = new Map<number, string>();
  let next = 0;
  return {
    applied,
    aside,
    isolation: {
      apply: async ({ records, nextOffset }: RecordBatch) => {
        const own = records.map(({ offset }) => Number(offset)).filter((offset) => offset >= next);
        if (own.some((offset) => bad.has(offset) && !aside.has(offset))) throw poison();
        applied.push(...own);
        next = Number(nextOffset);
        return undefined;
      },
      refuse: ({ offset }: InRecord, state: string) => void aside.set(Number(offset), state),
    },
  };
}

describe('rows that Postgres refuses', () => {
  test('are found among any others, and only these are put aside; everything is applied once and in order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        fc.array(fc.nat({ max: 59 }), { maxLength: 6 }),
        async (count, chosen) => {
          const bad = new Set(chosen.filter((offset) => offset < count));
          const { applied, aside, isolation } = world(bad);
          const offsets = Array.from({ length: count }, (_, offset) => offset);
          expect(await isolate(batchOf(offsets), isolation)).toBeUndefined();
          expect([...aside.keys()].toSorted((a, b) => a - b)).toEqual([...bad].toSorted((a, b) => a - b));
          expect(applied).toEqual(offsets);
        },
      ),
    );
  });

  test('end the search early when the offsets have to be read again: nothing behind is applied', async () => {
    const { applied, isolation } = world(new Set([3]));
    let calls = 0;
    const apply = async (part: RecordBatch): Promise<string | undefined> => {
      calls += 1;
      return calls === 3 ? 'moved' : isolation.apply(part);
    };
    expect(await isolate(batchOf([0, 1, 2, 3]), { ...isolation, apply })).toBeUndefined();
    expect(applied).toEqual([0, 1]);
  });

  test('that are refused also when put aside stop the partition, with the reason', async () => {
    const apply = async (): Promise<undefined> => {
      throw poison();
    };
    expect(await isolate(batchOf([0]), { apply, refuse: () => undefined })).toContain('SQLSTATE 22003');
  });

  test('are not made of a Postgres that is away', async () => {
    const away = new UpliftError('UPL-POSTGRES-UNREACHABLE', { message: 'away' });
    const apply = async (): Promise<undefined> => {
      throw away;
    };
    await expect(isolate(batchOf([0, 1]), { apply, refuse: () => undefined })).rejects.toBe(away);
  });
});
