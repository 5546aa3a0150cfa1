import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { InRecord, RecordBatch } from '../../clients/kafka/ports.ts';
import { NEWEST_EVENT_SCHEMA } from '../../contract/events.ts';
import type { Decision, ReservationState } from '../../contract/records.ts';
import { idOf, someDecision, someReservation } from '../../contract/testing/decisions.ts';
import { encodeDecision } from '../domain/codec.ts';
import { readBatches } from './event.ts';
import { type Position, type Projection, project as projectRead, refusedKey, type Standing } from './fold.ts';
import { versionsWanted } from './versions.ts';

const START: Position = {
  ...{ nextOffset: 0n, leaderEpoch: -1, decidedThrough: -1n },
  ...{ commandsTopicId: null, logTimeMs: 0 },
};

function decision(commandOffset: number, previous: number, over: Partial<Decision> = {}): Decision {
  const isAccepted = (over.decision ?? 'accepted') === 'accepted';
  return someDecision(commandOffset, isAccepted ? over : { reservation: null, ...over }, previous);
}

const repeatOf = (first: number, at: number, previous: number): Decision =>
  decision(at, previous, {
    decision: 'repeated',
    eventId: idOf(first),
    first: { commandOffset: String(first), decision: 'accepted' },
  });

function record(offset: number, value: Decision | Buffer): InRecord {
  const bytes = Buffer.isBuffer(value) ? value : encodeDecision(value);
  return { offset: BigInt(offset), leaderEpoch: 0, timestampMs: 0, key: null, value: bytes, headers: [] };
}

function batch(from: number, values: readonly (Decision | Buffer)[], partition = 0): RecordBatch {
  const records = values.map((value, i) => record(from + i, value));
  const nextOffset = BigInt(from + values.length);
  return { topic: 't', topicId: 'id', partition, records, nextOffset, highWatermark: nextOffset };
}

const at = (position: Position = START, partition = 0) => new Map([[partition, position]]);

function project(
  positions: ReadonlyMap<number, Position>,
  batches: readonly RecordBatch[],
  standing: Omit<Standing, 'positions'> = {},
): Projection {
  return projectRead({ positions, ...standing }, readBatches(batches, NEWEST_EVENT_SCHEMA));
}

describe('project', () => {
  test('gives a row per event id and reservation, and moves the offsets', () => {
    const rejected = decision(4, 0, { decision: 'rejected', reason: 'full', reservation: null });
    const projection = project(at(), [batch(0, [decision(0, -1), rejected])]);
    expect(projection.operations).toMatchObject([
      { eventId: idOf(0), decision: 'accepted', reservationId: 'res-0', eventOffset: 0n, repeats: 0 },
      { eventId: idOf(4), decision: 'rejected', reservationId: null, reason: 'full', eventOffset: 1n },
    ]);
    expect(projection.reservations.map((row) => row.reservation.id)).toEqual(['res-0']);
    expect(projection.moves).toEqual([
      {
        partition: 0,
        from: START,
        to: { ...START, nextOffset: 2n, leaderEpoch: 0, decidedThrough: 4n, logTimeMs: 1004 },
      },
    ]);
  });

  test('repeats are counted on the row of their first, in this batch or before it', () => {
    const inBatch = project(at(), [batch(0, [decision(0, -1), repeatOf(0, 1, 0), repeatOf(0, 2, 1)])]);
    expect(inBatch.operations).toMatchObject([
      { eventId: idOf(0), decision: 'accepted', repeats: 2, isFirst: true },
    ]);
    const later = project(at({ ...START, nextOffset: 1n, leaderEpoch: 0, decidedThrough: 0n }), [
      batch(1, [repeatOf(0, 1, 0)]),
    ]);
    expect(later.operations).toMatchObject([
      { eventId: idOf(0), decision: 'accepted', commandOffset: 0n, repeats: 1, isFirst: false },
    ]);
    expect(later.reservations).toEqual([]);
  });

  test('a decision that stands twice in the log is applied once', () => {
    const projection = project(at(), [
      batch(0, [decision(0, -1), decision(1, 0), decision(0, -1), decision(1, 0), decision(2, 1)]),
    ]);
    expect(projection.operations).toHaveLength(3);
    expect(projection.repeatedRecords).toBe(2);
    expect(projection.moves[0]?.to).toMatchObject({ nextOffset: 5n, decidedThrough: 2n });
  });

  test('a hole in the chain stops the partition after what stood before it, and no other partition', () => {
    const positions = new Map([...at(START, 0), ...at(START, 1)]);
    const projection = project(positions, [
      batch(0, [decision(0, -1), decision(2, 1)], 0),
      batch(0, [decision(0, -1)], 1),
    ]);
    expect([...projection.troubles.keys()]).toEqual([0]);
    expect(projection.moves.map((move) => [move.partition, move.to.nextOffset])).toEqual([
      [0, 1n],
      [1, 1n],
    ]);
  });

  test('control records at the end of a batch move the offset without a row', () => {
    const empty: RecordBatch = { ...batch(0, []), nextOffset: 5n };
    expect(project(at(), [empty]).moves[0]?.to).toEqual({ ...START, nextOffset: 5n });
  });

  test('the position carries the leader epoch of the last record applied, and none where no record was read', () => {
    const [first, second] = batch(0, [decision(0, -1), decision(1, 0)]).records;
    const records = [first, second].flatMap((one, i) =>
      one === undefined ? [] : [{ ...one, leaderEpoch: 3 + i }],
    );
    const led: RecordBatch = { ...batch(0, []), records, nextOffset: 2n };
    expect(project(at(), [led]).moves[0]?.to.leaderEpoch).toBe(4);
    expect(project(at(), [{ ...led, nextOffset: 3n }]).moves[0]?.to.leaderEpoch).toBe(-1);
  });

  test('unparseable commands are counted and leave no row', () => {
    const projection = project(at(), [
      batch(0, [decision(0, -1, { decision: 'unparseable', eventId: null, reservation: null })]),
    ]);
    expect([projection.operations, projection.counts.get('unparseable')]).toEqual([[], 1]);
    expect(projection.moves[0]?.to.decidedThrough).toBe(0n);
  });

  test('however the log is cut into batches, the rows add up to the same', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 5 }), { maxLength: 30 }),
        fc.array(fc.nat({ max: 30 })),
        (ids, cuts) => {
          const firsts = new Map<number, number>();
          const log = ids.map((event, offset) => {
            const first = firsts.get(event);
            if (first === undefined) firsts.set(event, offset);
            return first === undefined
              ? decision(offset, offset - 1, { eventId: idOf(event) })
              : { ...repeatOf(first, offset, offset - 1), eventId: idOf(event) };
          });
          const table = (sizes: readonly number[]): Map<string, number> => {
            const rows = new Map<string, number>();
            let position = START;
            const bounds = [
              ...new Set([0, ...sizes.filter((size) => size <= log.length), log.length]),
            ].toSorted((a, b) => a - b);
            for (const [i, from] of bounds.entries()) {
              const projection = project(at(position), [batch(from, log.slice(from, bounds[i + 1] ?? from))]);
              position = projection.moves[0]?.to ?? position;
              for (const row of projection.operations)
                rows.set(row.eventId, (rows.get(row.eventId) ?? 0) + row.repeats);
            }
            expect(position.nextOffset).toBe(BigInt(log.length));
            return new Map([...rows].toSorted());
          };
          expect(table(cuts)).toEqual(table([]));
        },
      ),
    );
  });

  describe('reservations by version', () => {
    const change = (offset: number, version: number, over: Partial<ReservationState> = {}): Decision =>
      decision(offset, offset - 1, { reservation: someReservation({ version, ...over }) });

    test('one row for all changes in a batch, from the version that stands in Postgres', () => {
      const made = project(at(), [batch(0, [change(0, 1), change(1, 2, { quantity: 5 })])]);
      expect(made.reservations).toMatchObject([
        { before: 0, eventId: idOf(0), commandOffset: 0n, changedOffset: 1n, reservation: { quantity: 5 } },
      ]);
      const changed = project(at(), [batch(0, [change(0, 4), change(1, 5, { status: 'cancelled' })])], {
        versions: new Map([['t/res-1', 3]]),
      });
      expect(changed.reservations).toMatchObject([
        { before: 3, eventId: null, changedOffset: 1n, reservation: { status: 'cancelled', version: 5 } },
      ]);
    });

    test('what follows a version that is not here is put aside behind it, and so is all that follows', () => {
      const projection = project(at(), [batch(0, [change(0, 3), change(1, 4)])], {
        versions: new Map([['t/res-1', 1]]),
      });
      expect([projection.reservations, projection.operations]).toEqual([[], []]);
      expect(
        projection.letters.map((letter) => [
          letter.tenant,
          letter.eventId,
          letter.reservationId,
          letter.failure.errorCode,
        ]),
      ).toEqual([
        ['t', idOf(0), 'res-1', 'behind-a-dead-letter'],
        ['t', idOf(1), 'res-1', 'behind-a-dead-letter'],
      ]);
      expect(projection.moves[0]?.to.decidedThrough).toBe(1n);
    });

    test('of a tick the holds end that can, and it is put aside for the others', () => {
      const ended = (id: string, version: number): ReservationState =>
        someReservation({ id, version, status: 'expired' });
      const tick = decision(0, -1, {
        ...{ eventId: null, tenant: null, reservation: null },
        expired: [ended('a', 2), ended('b', 3)],
      });
      const projection = project(at(), [batch(0, [tick])], { versions: new Map([['t/a', 1]]) });
      expect(projection.reservations.map(({ reservation }) => reservation.id)).toEqual(['a']);
      expect(projection.letters).toMatchObject([{ reservationId: 'b' }]);
      expect(projection.operations).toEqual([]);
    });

    test('what stands there already changes nothing and is counted', () => {
      const projection = project(at(), [batch(0, [change(0, 2)])], { versions: new Map([['t/res-1', 2]]) });
      expect([projection.reservations, projection.crossed]).toEqual([[], 1]);
    });

    test('versions are asked for wherever one is changed: what makes it here may be a second copy, which makes nothing', () => {
      const read = readBatches(
        [batch(0, [change(0, 1), change(1, 2), change(2, 2, { id: 'other' })])],
        NEWEST_EVENT_SCHEMA,
      );
      expect(versionsWanted(read).map(({ id }) => id)).toEqual(['res-1', 'other']);
    });
  });

  test('a row that Postgres refuses is put aside with its SQLSTATE, and the chain goes on', () => {
    const refused = new Map([[refusedKey(0, 1n), '22003']]);
    const projection = project(at(), [batch(0, [decision(0, -1), decision(1, 0), decision(2, 1)])], {
      refused,
    });
    expect(projection.operations.map(({ eventId }) => eventId)).toEqual([idOf(0), idOf(2)]);
    expect(projection.letters).toMatchObject([
      { eventId: idOf(1), commandOffset: 1n, failure: { errorCode: 'sqlstate-22003' } },
    ]);
    expect(projection.moves[0]?.to).toMatchObject({ nextOffset: 3n, decidedThrough: 2n });
  });
});
