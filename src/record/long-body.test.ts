import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Json } from '../core/step.ts';
import { type Entry, MAX_LINE_BYTES } from './envelope.ts';
import { appendLong, readLong } from './long-body.ts';

function recorder() {
  const entries: Entry[] = [];
  const append = async (kind: string, body: Json): Promise<Entry> => {
    const entry = { kind, body, seq: entries.length } as Entry;
    entries.push(structuredClone(entry));
    return entry;
  };
  return { entries, append };
}

const item = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.record({ eventId: fc.uuid(), whatStandsThere: fc.string({ maxLength: 2000 }) }),
);
/** Long lists are made of few items: the same ones again and again. */
const list = fc
  .tuple(fc.array(item, { maxLength: 8 }), fc.integer({ min: 1, max: 400 }))
  .map(([items, times]) => Array.from({ length: times }, () => items).flat());
const body = fc.record({
  lists: fc.dictionary(fc.constantFrom('lost', 'moved', '__proto__', 'ünïcode'), list),
  lost: list,
  some: fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>,
});

test('a body of any length is read back as it was, and no line is longer than a line may be', async () => {
  await fc.assert(
    fc.asyncProperty(body, body, async (earlier, later) => {
      const journal = recorder();
      await appendLong(journal, 'drill.result', earlier);
      await appendLong(journal, 'drill.result', later);
      expect(JSON.stringify(readLong(journal.entries, 'drill.result'))).toBe(JSON.stringify(later));
      for (const entry of journal.entries)
        expect(Buffer.byteLength(JSON.stringify(entry))).toBeLessThan(MAX_LINE_BYTES);
    }),
    { numRuns: 60 },
  );
});

test('what fits a line stands on one line', async () => {
  const journal = recorder();
  await appendLong(journal, 'drill.result', { lost: Array.from({ length: 100 }, (_, at) => `id-${at}`) });
  expect(journal.entries.map(({ kind }) => kind)).toEqual(['drill.result']);
});

test('100,000 losses stand in a record, every one of them', async () => {
  const lost = Array.from({ length: 100_000 }, (_, at) => ({
    eventId: `id-${at}`,
    hop: 'events log → writer',
  }));
  const journal = recorder();
  await appendLong(journal, 'drill.result', { judgement: { lost, acknowledged: 200_000 } });
  expect(journal.entries.length).toBeGreaterThan(10);
  expect(readLong(journal.entries, 'drill.result')).toEqual({ judgement: { lost, acknowledged: 200_000 } });
});

test('a line that belongs to no list changes nothing', () => {
  const entries = [
    { kind: 'drill.result.more', body: { path: ['nowhere', 'else'], items: [1] } },
    { kind: 'drill.result.more', body: null },
    { kind: 'drill.result', body: { lost: [] } },
  ] as unknown as Entry[];
  expect(readLong(entries, 'drill.result')).toEqual({ lost: [] });
  expect(readLong([], 'drill.result')).toBeUndefined();
});
