import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeadLetterRow } from '../facts/projection/dead-letters.ts';
import type { PlannedLetter } from './plan.ts';
import { countEnds, judgeEnds } from './proof-judge.ts';
import { exitOfReplay, type ReplayResult } from './replay.ts';
import type { ReplaySeen } from './target-scan.ts';

const letter = {
  partition: 0,
  offset: 4n,
  attempt: 1,
  origin: { partition: 2, offset: 7n, timestampMs: 0 },
} as PlannedLetter;
const KEY = 't1/2/7';
const row = (over: Partial<DeadLetterRow> = {}): DeadLetterRow => ({
  topicId: 't1',
  partition: 2,
  eventOffset: 7n,
  eventId: 'e1',
  attempts: 1,
  outcome: 'applied',
  replayId: 'r1',
  appliedOffset: 90n,
  operations: 1,
  ...over,
});
const replays = [{ id: 'r1', attempt: 1, partition: 2, offset: 90n }];

interface World {
  readonly row?: DeadLetterRow | undefined;
  readonly passed?: bigint;
  readonly back?: number;
  readonly replays?: readonly ReplaySeen[];
}
const endOf = (world: World): string | undefined =>
  judgeEnds({
    letters: [{ letter, replays: world.replays ?? replays }],
    topicId: 't1',
    passed: new Map(world.passed === undefined ? [] : [[2, world.passed]]),
    rows: new Map(world.row === undefined ? [] : [[KEY, world.row]]),
    back: new Map(world.back === undefined ? [] : [[KEY, world.back]]),
  })[0]?.end;

describe('what became of a replayed letter', () => {
  it.each([
    ['applied', { row: row(), passed: 91n }],
    ['notSeen', { row: row(), passed: 90n }],
    ['notSeen', { row: row() }],
    ['notSeen', { passed: 91n }],
    ['notSeen', { row: row({ outcome: 'parked', replayId: null }), passed: 91n }],
    ['notSeen', { row: row(), passed: 91n, replays: [] }],
    ['notSeen', { row: row({ operations: 0 }), passed: 91n }],
    ['twice', { row: row({ operations: 2 }), passed: 91n }],
    ['superseded', { row: row({ outcome: 'superseded' }), passed: 91n }],
    ['superseded', { row: row({ replayId: 'r0' }), passed: 91n }],
    ['back', { row: row({ outcome: 'parked', attempts: 2 }), passed: 91n }],
    ['back', { passed: 91n, back: 2 }],
    ['applied', { row: row({ eventId: null, operations: null }), passed: 91n }],
  ] as const)('is %s, case %#', (end, world) => {
    expect(endOf(world)).toBe(end);
  });

  it('is applied only on evidence: a row of one of its own replays, one operation, and a projection past them all', () => {
    const rows = fc.option(
      fc.record({
        outcome: fc.constantFrom('parked' as const, 'applied' as const, 'superseded' as const),
        replayId: fc.constantFrom('r1', 'r2', null),
        operations: fc.constantFrom(0, 1, 2, null),
        attempts: fc.integer({ min: 1, max: 3 }),
      }),
      { nil: undefined },
    );
    const many = fc.array(
      fc.record({
        id: fc.constantFrom('r1', 'r2'),
        attempt: fc.constant(1),
        partition: fc.constant(2),
        offset: fc.bigInt(80n, 99n),
      }),
      { maxLength: 3 },
    );
    fc.assert(
      fc.property(
        rows,
        fc.option(fc.bigInt(80n, 101n), { nil: undefined }),
        fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
        many,
        (over, passed, back, list) => {
          const world: World = {
            row: over === undefined ? undefined : row(over),
            replays: list,
            ...(passed === undefined ? {} : { passed }),
            ...(back === undefined ? {} : { back }),
          };
          const evidence =
            over?.outcome === 'applied' &&
            (over.operations ?? 1) === 1 &&
            list.some(({ id }) => id === over.replayId) &&
            list.every(({ offset }) => passed !== undefined && passed > offset) &&
            (back ?? 0) <= 1;
          expect(endOf(world) === 'applied').toBe(evidence);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('decides the exit: something wrong 10, something not seen 12, never 0 without having looked', () => {
    const result = (
      counts: Partial<ReplayResult['counts']>,
      over: Partial<ReplayResult> = {},
    ): ReplayResult =>
      ({ counts: { ...countEnds([]), ...counts }, refused: [], open: null, ...over }) as ReplayResult;
    expect(exitOfReplay(result({ applied: 3, superseded: 1 }))).toBe(0);
    expect(exitOfReplay(result({ applied: 3, notSeen: 1 }))).toBe(12);
    expect(exitOfReplay(result({ applied: 3 }, { open: 'the dead letter topic was not read' }))).toBe(12);
    expect(exitOfReplay(result({ back: 1, notSeen: 1 }))).toBe(10);
    expect(exitOfReplay(result({ twice: 1 }))).toBe(10);
    expect(exitOfReplay(result({}, { refused: [{ partition: 0, offset: 1n, reason: 'x' }] }))).toBe(10);
  });
});
