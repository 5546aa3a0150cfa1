import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { InRecord, RecordBatch } from '../../clients/kafka/ports.ts';
import { replayHeaders } from '../../contract/dead-letter.ts';
import type { EventSchema } from '../../contract/events.ts';
import { someDecision } from '../../contract/testing/decisions.ts';
import { encodeDecision, eventHeaders } from '../domain/codec.ts';
import { readBatches } from './event.ts';
import { type Position, type Projection, project } from './fold.ts';

const START: Position = {
  ...{ nextOffset: 0n, leaderEpoch: -1, decidedThrough: -1n },
  ...{ commandsTopicId: null, logTimeMs: 0 },
};
const NEWEST: EventSchema = 1;

/** An event at an offset. */
interface Some {
  readonly command: number;
  /** Empty: of a writer that did not say it. */
  readonly topicId?: string;
  /** 2 cannot be read here: it is put aside. */
  readonly schema?: EventSchema;
  readonly isReplay?: boolean;
}

function recordOf({ command, topicId = '', schema = 1, isReplay = false }: Some, offset: number): InRecord {
  const decision = someDecision(command);
  const headers = eventHeaders(decision, schema, null, topicId);
  const origin = { topic: 'e', topicId: 'id', partition: 0, offset: 0n, timestampMs: 0 };
  return {
    ...{ offset: BigInt(offset), leaderEpoch: 0, timestampMs: 0, key: null },
    value: encodeDecision(decision, schema),
    headers: isReplay ? replayHeaders(headers, { id: 'run', origin, attempt: 1 }) : headers,
  };
}

function batchOf(log: readonly Some[], from: number, to: number): RecordBatch {
  const records = log.slice(from, to).map((some, i) => recordOf(some, from + i));
  const nextOffset = BigInt(to);
  return { topic: 'e', topicId: 'id', partition: 0, records, nextOffset, highWatermark: nextOffset };
}

function take(log: readonly Some[], position: Position = START, from = 0, to = log.length): Projection {
  return project({ positions: new Map([[0, position]]) }, readBatches([batchOf(log, from, to)], NEWEST));
}

const reached = (projection: Projection, before: Position = START): Position =>
  projection.moves[0]?.to ?? before;

describe('the commands topic that a position is of', () => {
  test('is what the events say, also one that is put aside because it cannot be read', () => {
    expect(reached(take([{ command: 0, topicId: 'a' }])).commandsTopicId).toBe('a');
    const parked = take([{ command: 0, topicId: 'a', schema: 2 }]);
    expect([parked.letters.length, reached(parked).commandsTopicId]).toEqual([1, 'a']);
  });

  test('stays unknown while no event says it, is then known, and does not become unknown again', () => {
    const old = take([{ command: 0 }, { command: 1 }]);
    expect(reached(old)).toMatchObject({ decidedThrough: 1n, commandsTopicId: null });
    const log = [{ command: 0 }, { command: 1, topicId: 'a' }, { command: 2 }];
    expect(reached(take(log))).toMatchObject({ decidedThrough: 2n, commandsTopicId: 'a' });
  });

  test('is not learnt from a record that continues nothing: a decision that was applied before', () => {
    const log = [{ command: 0 }, { command: 0, topicId: 'a' }];
    expect(reached(take(log))).toMatchObject({ nextOffset: 2n, commandsTopicId: null });
  });
});

describe('an event of another commands topic than what is applied', () => {
  const known: Position = { ...START, nextOffset: 10n, decidedThrough: 9n, commandsTopicId: 'a' };
  const next = (some: Some): Projection =>
    project({ positions: new Map([[0, known]]) }, [
      ...readBatches(
        [{ ...batchOf([], 0, 0), records: [recordOf(some, 10)], nextOffset: 11n, highWatermark: 11n }],
        NEWEST,
      ),
    ]);

  test.each([
    ['that looks like the next one', { command: 10, topicId: 'b' }],
    ['that looks like a repeat', { command: 0, topicId: 'b' }],
    ['that cannot be read', { command: 10, topicId: 'b', schema: 2 as const }],
  ])('%s stops the partition, names both ids and changes nothing', (_, some) => {
    const { troubles, moves, operations, letters, repeatedRecords } = next(some);
    expect(troubles.get(0)).toBe(
      'event 10 was decided from reservations.commands of topic id b, but what is applied was decided from a: it was made again',
    );
    expect([moves, operations, letters, repeatedRecords]).toEqual([[], [], [], 0]);
  });

  test('that is replayed is applied by what stands in Postgres, and the position keeps what it knows', () => {
    const { troubles, moves, replays } = next({ command: 40, topicId: 'b', isReplay: true });
    expect([troubles.size, replays.length]).toEqual([0, 1]);
    expect(moves[0]?.to).toMatchObject({ nextOffset: 11n, decidedThrough: 9n, commandsTopicId: 'a' });
    const first = take([{ command: 0, topicId: 'b', isReplay: true }]);
    expect(reached(first)).toMatchObject({ decidedThrough: -1n, commandsTopicId: null });
  });

  test('stops exactly there, however the log is cut: ids are never mixed in one position', () => {
    const seen = { stopped: 0, whole: 0 };
    fc.assert(
      fc.property(logs, fc.array(fc.nat({ max: 12 })), (log, cuts) => {
        const wanted = byHand(log);
        const { position, trouble } = inPieces(log, cuts);
        expect(position).toMatchObject(wanted);
        const isWhole = wanted.nextOffset === BigInt(log.length);
        expect(trouble === undefined).toBe(isWhole);
        seen[isWhole ? 'whole' : 'stopped'] += 1;
      }),
      { numRuns: 500 },
    );
    // What never happens proves nothing.
    expect([seen.stopped > 50, seen.whole > 50]).toEqual([true, true]);
  });
});

/** Events of a chain without holes, some of them repeated or replayed, of two topics or of none that is said. */
const logs: fc.Arbitrary<Some[]> = fc
  .array(
    fc.record({
      topicId: fc.constantFrom('', 'a', 'a', 'b'),
      schema: fc.constantFrom<EventSchema>(1, 2),
      kind: fc.constantFrom('next', 'next', 'next', 'repeat', 'replay'),
    }),
    { maxLength: 12 },
  )
  .map((steps) => {
    let command = -1;
    return steps.map(({ kind, ...rest }): Some => {
      if (kind === 'next' || (kind === 'repeat' && command < 0)) command += 1;
      return { ...rest, command: Math.max(command, 0), isReplay: kind === 'replay' };
    });
  });

/** Where a position ends: the first id of the chain counts, and the first other one ends it. */
function byHand(log: readonly Some[]): Pick<Position, 'nextOffset' | 'decidedThrough' | 'commandsTopicId'> {
  let [decided, id] = [-1, ''];
  for (const [offset, { command, topicId = '', isReplay }] of log.entries()) {
    if (isReplay === true) continue;
    if (id !== '' && topicId !== '' && topicId !== id) return positionOf(offset, decided, id);
    if (command > decided) [decided, id] = [command, id === '' ? topicId : id];
  }
  return positionOf(log.length, decided, id);
}

const positionOf = (nextOffset: number, decided: number, id: string) => ({
  ...{ nextOffset: BigInt(nextOffset), decidedThrough: BigInt(decided) },
  commandsTopicId: id === '' ? null : id,
});

/** Where it ends when the log comes in batches, each from where the one before ended. */
function inPieces(
  log: readonly Some[],
  cuts: readonly number[],
): { position: Position; trouble?: string | undefined } {
  const ends = [...new Set([...cuts.filter((cut) => cut < log.length), log.length])];
  let position = START;
  let from = 0;
  for (const to of ends.toSorted((a, b) => a - b)) {
    const projection = take(log, position, from, to);
    position = reached(projection, position);
    from = to;
    const trouble = projection.troubles.get(0);
    if (trouble !== undefined) return { position, trouble };
  }
  return { position };
}
