import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EpochEnd, RecordBatch } from '../../clients/kafka/ports.ts';
import type { Decision } from '../../contract/records.ts';
import { someDecision } from '../../contract/testing/decisions.ts';
import { encodeDecision } from '../domain/codec.ts';
import { cutBelow as cut, type StoredPosition } from '../runtime/stored-position.ts';
import { readBatches } from './event.ts';
import { type Position, project } from './fold.ts';

const START: Position = {
  ...{ nextOffset: 0n, leaderEpoch: -1, decidedThrough: -1n },
  ...{ commandsTopicId: null, logTimeMs: 0 },
};

/** One offset of a partition: who led when it was written, and whether it is a control record (no reader gets those). */
interface Entry {
  readonly epoch: number;
  readonly isControl: boolean;
}

const log = fc
  .array(fc.record({ newEpochs: fc.nat({ max: 2 }), isControl: fc.boolean() }), {
    minLength: 1,
    maxLength: 30,
  })
  .map((steps) => {
    let epoch = 0;
    return steps.map(({ newEpochs, isControl }): Entry => {
      epoch += newEpochs;
      return { epoch, isControl };
    });
  });

/** What the leader of this log answers (Kafka's LeaderEpochFileCache.endOffsetFor). */
function endOf(entries: readonly Entry[], asked: number): EpochEnd {
  const known = entries.map((entry) => entry.epoch).filter((epoch) => epoch <= asked);
  const after = entries.findIndex((entry) => entry.epoch > asked);
  const common = { topic: 't', partition: 0 };
  if (asked > (entries.at(-1)?.epoch ?? -1)) return { ...common, leaderEpoch: -1, endOffset: -1n };
  const endOffset = BigInt(after === -1 ? entries.length : after);
  return { ...common, leaderEpoch: known.at(-1) ?? asked, endOffset };
}

/** Where the projector stands after it read this log in batches that end at these offsets. */
function projected(entries: readonly Entry[], ends: readonly number[]): Position {
  let at = START;
  // Only decisions count here, so their chain runs over the records alone.
  let commands = 0;
  const edges = [...new Set([...ends.filter((end) => end <= entries.length), entries.length])];
  let from = 0;
  for (const end of edges.toSorted((a, b) => a - b)) {
    const records = entries.slice(from, end).flatMap(({ epoch, isControl }, i) => {
      if (isControl) return [];
      const value = encodeDecision(decision(commands++));
      return [
        { offset: BigInt(from + i), leaderEpoch: epoch, timestampMs: 0, key: null, value, headers: [] },
      ];
    });
    const nextOffset = BigInt(end);
    const batch: RecordBatch = {
      topic: 't',
      topicId: 'id',
      partition: 0,
      records,
      nextOffset,
      highWatermark: nextOffset,
    };
    at = project({ positions: new Map([[0, at]]) }, readBatches([batch], 1)).moves[0]?.to ?? at;
    from = end;
  }
  return at;
}

function decision(commandOffset: number): Decision {
  const nothing = { tenant: null, eventId: null, reservation: null };
  return someDecision(commandOffset, { decision: 'unparseable', ...nothing });
}

const cutBelow = (position: StoredPosition, end: EpochEnd | undefined) =>
  cut(position, end, 'events are applied');
const at = (nextOffset: bigint, leaderEpoch: number) => ({ nextOffset, leaderEpoch });
const cuts = fc.array(fc.nat({ max: 30 }), { maxLength: 6 });

describe('a stored position and the log it was read from', () => {
  test('never differ while nothing was cut off, however often the leader changed and the log grew', () => {
    fc.assert(
      fc.property(log, cuts, fc.nat({ max: 30 }), (whole, ends, seen) => {
        const read = whole.slice(0, seen);
        const position = projected(read, ends);
        expect(position.nextOffset).toBe(BigInt(read.length));
        expect(cutBelow(position, endOf(whole, position.leaderEpoch))).toBeUndefined();
      }),
    );
  });

  test('differ when applied records were cut off, even if records of a newer leader fill the offsets', () => {
    fc.assert(
      fc.property(log, cuts, fc.nat({ max: 29 }), fc.nat({ max: 40 }), (drawn, ends, kept, written) => {
        const whole = drawn.map((entry) => ({ ...entry, isControl: false }));
        fc.pre(kept < whole.length);
        const position = projected(whole, ends);
        const newer: Entry = { epoch: position.leaderEpoch + 1, isControl: false };
        const shorter = [...whole.slice(0, kept), ...Array.from({ length: written + 1 }, () => newer)];
        expect(cutBelow(position, endOf(shorter, position.leaderEpoch))).toContain('were cut off');
      }),
    );
  });

  test('differ when the log knows no epoch as new', () => {
    const end = endOf([{ epoch: 0, isControl: false }], 3);
    expect(end.leaderEpoch).toBe(-1);
    expect(cutBelow(at(5n, 3), end)).toContain('another log');
  });

  test('are not taken for equal when nobody said where the epoch ends', () => {
    expect(cutBelow(at(5n, 3), undefined)).toContain('nobody said');
  });

  test('cannot differ before anything was applied', () => {
    expect(cutBelow(at(0n, -1), undefined)).toBeUndefined();
  });
});
