import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OutRecord } from '../../../clients/kafka/ports.ts';
import { encodeCommand } from '../../domain/codec.ts';
import { decide } from '../../domain/decide.ts';
import { captureOf, type Snapshot, snapshotOf } from '../../domain/snapshot.ts';
import { advance, apply, emptyState, type FoldState } from '../../domain/state.ts';
import { histories } from '../../domain/testing/histories.ts';
import { CHUNK_BYTES, chunkRecord, chunksOf, manifestRecord, SlotBook, tombstone } from './codec.ts';
import { Sealer, type SlotName } from './manifest.ts';

const states = histories.map((history): FoldState => {
  const state = emptyState();
  for (const { offset, timestampMs, command } of history) {
    const value = command === 'garbage' ? null : encodeCommand(command);
    const outcome = decide(state, { offset: BigInt(offset), timestampMs, value });
    if (outcome.kind === 'decided') apply(state, outcome.decision);
    if (outcome.kind === 'quiet') advance(state, outcome.logTimeMs);
  }
  return state;
});
const limits = fc.integer({ min: 1, max: 4000 });

/** The records of a snapshot in the order they are written. */
function recordsOf(state: FoldState, slot: SlotName = 'a', limit = 1000): OutRecord[] {
  const capture = captureOf(state);
  const sealer = new Sealer();
  const chunks = [...chunksOf(capture, limit)];
  for (const chunk of chunks) sealer.add(chunk);
  const at = { topicId: 'id', nextOffset: '7', leaderEpoch: 1 };
  const manifest = sealer.seal({
    ...{ v: 1, partition: 3, partitions: 24, commands: at, events: at },
    rulesVersion: capture.rulesVersion,
    lastCommandOffset: capture.lastCommandOffset.toString(),
    logTimeMs: capture.logTimeMs,
  });
  const records = chunks.map((chunk, index) => chunkRecord(slot, index, gzipSync(chunk)));
  return [...records, manifestRecord(slot, manifest)];
}

function bookOf(records: readonly OutRecord[]): SlotBook {
  const book = new SlotBook();
  for (const record of records) book.add({ ...record, timestampMs: 5 });
  return book;
}

/** What a reader makes of a slot: the snapshot, or why there is none. */
function read(records: readonly OutRecord[], slot: SlotName = 'a'): Snapshot | string {
  const book = bookOf(records);
  const manifest = book.slots().find((seen) => seen.slot === slot)?.manifest;
  return manifest === undefined ? 'no manifest' : book.open(slot, manifest);
}

/** Byte for byte what the state of a snapshot says, in one order. */
const sorted = (snapshot: Snapshot | string) =>
  typeof snapshot === 'string'
    ? snapshot
    : { ...snapshot, live: snapshot.live.toSorted((a, b) => (a.id < b.id ? -1 : 1)) };

describe('a snapshot as records', () => {
  test('is read as it was written, whatever the size of its chunks', () => {
    fc.assert(
      fc.property(states, limits, (state, limit) => {
        expect(sorted(read(recordsOf(state, 'a', limit)))).toEqual(snapshotOf(state));
      }),
    );
  });

  test('has no chunk above the limit unless a single line is, and no record above what a broker takes', () => {
    fc.assert(
      fc.property(states, limits, (state, limit) => {
        for (const chunk of chunksOf(captureOf(state), limit)) {
          const lines = chunk.toString().trimEnd().split('\n').length;
          expect(chunk.length <= limit || lines === 1).toBe(true);
        }
      }),
    );
    const noise = Buffer.from(Array.from({ length: CHUNK_BYTES }, (_, i) => (i * 2654435761) >>> 13));
    expect(gzipSync(noise).length).toBeLessThan(1_000_000);
  });

  test('with a record missing, or of another snapshot, is not taken for one', () => {
    fc.assert(
      fc.property(states, states, fc.nat({ max: 50 }), (state, other, cut) => {
        const [whole, newer] = [recordsOf(state), recordsOf(other)];
        fc.pre(JSON.stringify(snapshotOf(state)) !== JSON.stringify(snapshotOf(other)));
        // As a slot looks that is being overwritten: a part of the new one over the old one.
        const torn = [...whole, ...newer.slice(0, cut % newer.length)];
        const found = sorted(read(torn));
        const keptAll = JSON.stringify(found) === JSON.stringify(snapshotOf(state));
        expect(typeof found === 'string' || keptAll).toBe(true);
        expect(sorted(read([...whole, ...newer]))).toEqual(snapshotOf(other));
        const missing = whole.filter((_, index) => index !== cut % whole.length);
        expect(typeof read(missing)).toBe('string');
      }),
    );
  });

  test('that was damaged anywhere is refused, or says the same: never something else', () => {
    fc.assert(
      fc.property(
        states,
        fc.nat(),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (state, which, where, flip) => {
          const records = recordsOf(state);
          const index = which % records.length;
          const damaged = records.map((record, at) => {
            if (at !== index) return record;
            const value = Buffer.from(record.value ?? []);
            value[where % value.length] = (value[where % value.length] ?? 0) ^ flip;
            return { ...record, value };
          });
          const found = sorted(read(damaged));
          if (typeof found !== 'string') expect(found).toEqual(snapshotOf(state));
        },
      ),
      { numRuns: 500 },
    );
  });

  test('of which a chunk says something else of the same length is refused', () => {
    const state = emptyState();
    state.rulesVersion = 1;
    const lines = (name: string) => Buffer.from(`{"live":{"id":"${name}"}}\n`);
    const sealer = new Sealer();
    sealer.add(lines('one'));
    const at = { topicId: 'id', nextOffset: '7', leaderEpoch: 1 };
    const head = { v: 1, partition: 0, partitions: 1, commands: at, events: at } as const;
    const manifest = sealer.seal({ ...head, rulesVersion: 1, lastCommandOffset: '0', logTimeMs: 0 });
    const records = [chunkRecord('a', 0, gzipSync(lines('two'))), manifestRecord('a', manifest)];
    expect(read(records)).toContain('hash');
  });

  test('is refused when any field of its manifest was changed', () => {
    const whole = recordsOf(emptyState());
    const text = (whole.at(-1)?.value ?? Buffer.alloc(0)).toString();
    const changes = [
      ['"partition":3', '"partition":4'],
      ['"partitions":24', '"partitions":12'],
      ['"commands":{"topicId":"id"', '"commands":{"topicId":"ix"'],
      ['"nextOffset":"7"', '"nextOffset":"8"'],
      ['"leaderEpoch":1', '"leaderEpoch":2'],
      ['"rulesVersion":1', '"rulesVersion":2'],
      ['"lastCommandOffset":"-1"', '"lastCommandOffset":"9"'],
      ['"logTimeMs":0', '"logTimeMs":1'],
      ['"bytes":0', '"bytes":1'],
      ['"v":1', '"v":2'],
    ] as const;
    for (const [from, to] of changes) {
      expect(text).toContain(from);
      const changed = {
        key: Buffer.from('a/manifest'),
        value: Buffer.from(text.replace(from, to)),
        headers: [],
      };
      expect([from, typeof read([...whole.slice(0, -1), changed])]).toEqual([from, 'string']);
    }
  });

  test('is settled once its slots are known to their last chunk, and not before', () => {
    const state = emptyState();
    const a = recordsOf(state, 'a');
    const b = recordsOf(state, 'b');
    expect(bookOf(a).isSettled).toBe(false);
    expect(bookOf([...a, ...b]).isSettled).toBe(true);
    const chunk = Buffer.from('x');
    const left = bookOf([
      chunkRecord('a', 0, chunk),
      chunkRecord('a', 1, chunk),
      tombstone('a', 1),
      ...a,
      ...b,
    ]);
    expect(left.slots().map(({ slot, chunks }) => [slot, chunks])).toEqual([
      ['a', 1],
      ['b', 0],
    ]);
  });
});
