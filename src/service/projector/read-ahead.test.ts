import { describe, expect, test } from 'vitest';
import type { RecordBatch } from '../../clients/kafka/ports.ts';
import { type LogStep, logOf, TOPIC_ID, turn } from './log-fixture.ts';
import { ReadAhead } from './read-ahead.ts';

const CREATES: readonly LogStep[] = Array.from({ length: 700 }, (_, of) => ({ kind: 'create', of }));
const { records } = logOf(0, CREATES);

function batch(first: number): RecordBatch {
  const place = { topic: 'events', topicId: TOPIC_ID, partition: 0, highWatermark: 9000n };
  return { ...place, records, nextOffset: BigInt(first + records.length) };
}

/** A reader that has so many batches, then none, or fails. */
function readerOf(batches: number, failure?: Error) {
  const reader = {
    taken: 0,
    failure,
    async next() {
      await turn();
      if (reader.taken >= batches && reader.failure !== undefined) throw reader.failure;
      if (reader.taken >= batches) return undefined;
      return batch(records.length * reader.taken++);
    },
  };
  return reader;
}

const options = { eventSchema: 1, onBatch: () => true } as const;

async function someTurns(): Promise<void> {
  for (let turns = 0; turns < 200; turns += 1) await turn();
}

describe('reading ahead', () => {
  test('goes one gathered batch ahead and no further', async () => {
    const reader = readerOf(100);
    const ahead = new ReadAhead({ reader, ...options });
    // Three batches of 700 records pass the bound of 2,000.
    expect(await ahead.take()).toHaveLength(3);
    await someTurns();
    expect(reader.taken).toBe(6);
    expect(await ahead.take()).toHaveLength(3);
    await someTurns();
    expect(reader.taken).toBe(9);
    await ahead.drop();
  });

  test('hands over every record of every batch, decoded and in order', async () => {
    const ahead = new ReadAhead({ reader: readerOf(2), ...options });
    const taken = await ahead.take();
    expect(taken.map(({ batch: { nextOffset } }) => nextOffset)).toEqual([700n, 1400n]);
    for (const { events } of taken) {
      expect(events.map(({ record }) => record)).toEqual(records);
      expect(events.every(({ event }) => event.kind === 'decision')).toBe(true);
    }
    await ahead.drop();
  });

  test('lets others have their turn while it decodes', async () => {
    let turns = 0;
    let ended = false;
    const ahead = new ReadAhead({ reader: readerOf(3), ...options });
    const taking = ahead.take().finally(() => {
      ended = true;
    });
    for (; !ended; turns += 1) await turn();
    // 700 records are six goes, three times.
    expect(turns).toBeGreaterThan(15);
    await taking;
    await ahead.drop();
  });

  test('drops what nobody wants', async () => {
    const ahead = new ReadAhead({ reader: readerOf(2), ...options, onBatch: () => false });
    expect(await ahead.take()).toEqual([]);
    await ahead.drop();
  });

  test('throws what the reader threw while something else went on, and goes on reading once that is dropped', async () => {
    const reader = readerOf(3, new RangeError('not in the log'));
    const ahead = new ReadAhead({ reader, ...options });
    expect(await ahead.take()).toHaveLength(3);
    await someTurns();
    await expect(ahead.take()).rejects.toThrow('not in the log');
    await ahead.drop();
    reader.taken = 1;
    reader.failure = undefined;
    expect(await ahead.take()).toHaveLength(2);
    await ahead.drop();
  });
});
