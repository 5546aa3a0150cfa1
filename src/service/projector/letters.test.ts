import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { InRecord, PartitionBatch, RecordBatch } from '../../clients/kafka/ports.ts';
import { type Origin, readDeadLetter, replayHeaders } from '../../contract/dead-letter.ts';
import type { EventSchema } from '../../contract/events.ts';
import { idOf, someDecision } from '../../contract/testing/decisions.ts';
import { UpliftError } from '../../core/error.ts';
import { encodeDecision, eventHeaders } from '../domain/codec.ts';
import { DeadLetterBox } from './dead-letters.ts';
import { readBatches } from './event.ts';
import { type Letter, type Position, project } from './fold.ts';

const START: Position = {
  ...{ nextOffset: 0n, leaderEpoch: -1, decidedThrough: -1n },
  ...{ commandsTopicId: null, logTimeMs: 0 },
};
const at = (position: Position = START) => new Map([[0, position]]);
const TRACE = Buffer.from('00-trace-01');

function event(offset: number, of: number, schema: EventSchema): InRecord {
  const headers = eventHeaders(someDecision(of), schema, TRACE, 'commands-id');
  return rawRecord(offset, encodeDecision(someDecision(of), schema), headers);
}

const rawRecord = (offset: number, value: Buffer, headers: InRecord['headers'] = []): InRecord => ({
  offset: BigInt(offset),
  leaderEpoch: 0,
  timestampMs: 7000 + offset,
  key: Buffer.from('t/r'),
  value,
  headers,
});

function batch(records: readonly InRecord[]): RecordBatch {
  const nextOffset = (records.at(-1)?.offset ?? -1n) + 1n;
  return { topic: 'e', topicId: 'id', partition: 0, records, nextOffset, highWatermark: nextOffset };
}

const origin = (offset: number): Origin => ({
  topic: 'e',
  topicId: 'id',
  partition: 0,
  offset: BigInt(offset),
  timestampMs: 7000 + offset,
});

function replayOf(offset: number, of: number, first: number, attempt = 1): InRecord {
  const { value, headers } = event(first, of, 2);
  const replay = { id: 'run', origin: origin(first), attempt };
  return rawRecord(offset, value ?? Buffer.alloc(0), replayHeaders(headers, replay));
}

const lettersOf = (records: readonly InRecord[], newest: EventSchema = 1, from: Position = START) =>
  project({ positions: at(from) }, readBatches([batch(records)], newest));

describe('an event of a schema the projector does not know', () => {
  test('is put aside, and the chain of commands goes on behind it', () => {
    const { letters, operations, moves, troubles } = lettersOf([
      event(0, 0, 1),
      event(1, 1, 2),
      event(2, 2, 1),
    ]);
    expect(troubles.size).toBe(0);
    expect(operations.map((row) => row.eventId)).toEqual([idOf(0), idOf(2)]);
    expect(letters).toMatchObject([
      {
        eventId: idOf(1),
        commandOffset: 1n,
        reservationId: null,
        failure: { origin: origin(1), attempt: 1, errorCode: 'schema-unknown' },
      },
    ]);
    expect(moves[0]?.to).toMatchObject({ nextOffset: 3n, decidedThrough: 2n });
  });

  test('written twice is put aside once: the second record repeats a decision', () => {
    const { letters, repeatedRecords } = lettersOf([event(0, 0, 2), event(1, 0, 2)]);
    expect(letters).toHaveLength(1);
    expect(repeatedRecords).toBe(1);
  });

  test('does not hide a gap: what follows a command nobody saw stops the partition', () => {
    const { letters, troubles, moves } = lettersOf([event(0, 0, 1), event(1, 2, 2)]);
    expect(letters).toEqual([]);
    expect(troubles.get(0)).toContain('follows command 1');
    expect(moves[0]?.to.nextOffset).toBe(1n);
  });

  test('every event ends as a row or as a letter, whatever the order of schemas', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom<EventSchema>(1, 2), { maxLength: 30 }), (schemas) => {
        const records = schemas.map((schema, n) => event(n, n, schema));
        const { letters, operations, moves } = lettersOf(records);
        const seen = [...letters.map(({ eventId }) => eventId), ...operations.map(({ eventId }) => eventId)];
        expect(seen.toSorted()).toEqual(schemas.map((_, n) => idOf(n)));
        expect(letters).toHaveLength(schemas.filter((schema) => schema === 2).length);
        if (schemas.length > 0) expect(moves[0]?.to.decidedThrough).toBe(BigInt(schemas.length - 1));
      }),
    );
  });
});

describe('a record that is no event', () => {
  test('is put aside and leaves the chain as it was', () => {
    const { letters, operations, moves } = lettersOf([
      event(0, 0, 1),
      rawRecord(1, Buffer.from('garbage')),
      event(2, 1, 1),
    ]);
    expect(operations.map((row) => row.eventId)).toEqual([idOf(0), idOf(1)]);
    expect(letters).toMatchObject([
      { eventId: null, commandOffset: null, failure: { errorCode: 'not-a-decision' } },
    ]);
    expect(moves[0]?.to.nextOffset).toBe(3n);
  });
});

describe('a replayed event', () => {
  test('waits for what stands in Postgres, and never moves how far commands are decided', () => {
    const from = { ...START, nextOffset: 5n, decidedThrough: 9n };
    const { replays, operations, letters, moves } = lettersOf([replayOf(5, 3, 1)], 2, from);
    expect(operations).toEqual([]);
    expect(letters).toEqual([]);
    expect(replays).toMatchObject([{ replayId: 'run', origin: origin(1), eventOffset: 5n }]);
    expect(moves[0]?.to).toMatchObject({ nextOffset: 6n, decidedThrough: 9n });
  });

  test('ahead of all that is decided does not move it either', () => {
    const { moves } = lettersOf([replayOf(0, 40, 1)], 2);
    expect(moves[0]?.to.decidedThrough).toBe(-1n);
  });

  test('that is replayed twice counts once', () => {
    const { replays, repeatedRecords } = lettersOf([replayOf(0, 0, 0), replayOf(1, 0, 0)], 2);
    expect(replays.map(({ eventOffset }) => eventOffset)).toEqual([0n]);
    expect(repeatedRecords).toBe(1);
  });

  test('that still cannot be read is put aside again, under its first origin, as one more attempt', () => {
    const { letters, moves } = lettersOf([replayOf(7, 3, 1, 2)], 1, { ...START, nextOffset: 7n });
    expect(letters).toMatchObject([{ failure: { origin: origin(1), attempt: 3 } }]);
    expect(moves[0]?.to.decidedThrough).toBe(-1n);
  });
});

describe('the writer of dead letters', () => {
  const sent: PartitionBatch[] = [];
  const parked: string[] = [];
  const box = (fail?: UpliftError) =>
    new DeadLetterBox({
      produce: {
        send: async (batch_) => {
          if (fail !== undefined) throw fail;
          sent.push(batch_);
          return { topic: batch_.topic, partition: 0, baseOffset: 0n, count: batch_.records.length };
        },
      },
      instance: 'projector-1',
      nowMs: () => 42,
      onParked: (code) => parked.push(code),
    });
  const letters = (): readonly Letter[] => lettersOf([event(0, 0, 2), event(1, 1, 2)]).letters;

  test('keeps key, value and headers, and says where the record stood, why, and who put it aside', async () => {
    sent.length = 0;
    await box().park(letters());
    expect(sent.map(({ topic, partition, records }) => [topic, partition, records.length])).toEqual([
      ['e.dlq', 0, 2],
    ]);
    const record = sent[0]?.records[0];
    const before = event(0, 0, 2);
    expect(record?.key).toEqual(before.key);
    expect(record?.value).toEqual(before.value);
    expect(record?.headers.slice(0, before.headers.length)).toEqual(before.headers);
    expect(record?.headers.find(([key]) => key.toString() === 'traceparent')?.[1]).toEqual(TRACE);
    expect(readDeadLetter(record?.headers ?? [])).toMatchObject({
      origin: origin(0),
      errorCode: 'schema-unknown',
      attempt: 1,
      failedBy: 'projector-1',
      failedAtMs: 42,
    });
  });

  test('does not write again what it wrote before a rollback, and does so after the commit', async () => {
    sent.length = 0;
    const one = box();
    await one.park(letters());
    await one.park(letters());
    expect(sent).toHaveLength(1);
    one.settled(letters());
    await one.park(letters());
    expect(sent).toHaveLength(2);
  });

  test('names the partition whose letter Kafka will never take, and throws when asking again may help', async () => {
    const refused = await box(new UpliftError('UPL-KAFKA-HEADERS', { message: 'no' })).park(letters());
    expect([...refused.keys()]).toEqual([0]);
    const away = box(new UpliftError('UPL-KAFKA-PRODUCE', { message: 'away' }));
    await expect(away.park(letters())).rejects.toThrow('away');
    expect(away.reason).toContain('away');
  });
});
