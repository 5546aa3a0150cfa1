import { describe, expect, it } from 'vitest';
import { encodeEvent } from '../../src/contract/events.ts';
import type { Decision, ReservationState } from '../../src/contract/records.ts';
import { idOf, someDecision, someReservation } from '../../src/contract/testing/decisions.ts';
import { differences, type ProjectionRows, type TopicAround, TopicFold } from './topic-fold.ts';

const made = (n: number, over: Partial<ReservationState> = {}): Decision =>
  someDecision(n, { reservation: someReservation({ id: `res-${n}`, ...over }) });

function foldOf(decisions: readonly Decision[]) {
  const fold = new TopicFold();
  for (const [offset, decision] of decisions.entries())
    fold.add(0, { offset: BigInt(offset), value: encodeEvent(decision, 1), headers: [] });
  return { ...fold.result(), repeatedRecords: fold.repeatedRecords };
}

const LOG = [
  made(0),
  made(1, { id: 'res-0', version: 2, status: 'cancelled' }),
  someDecision(2, { decision: 'rejected', reservation: null, reason: 'full' }),
];

function rowsOf(decisions: readonly Decision[]): ProjectionRows {
  const { reservations, operations } = foldOf(decisions);
  return { reservations, operations };
}

const around = (before: readonly Decision[], after = before): TopicAround => ({
  before: foldOf(before),
  after: foldOf(after),
});

describe('a fold of the events topic', () => {
  it('finds nothing wrong in an honest log, also when records stand in it twice', () => {
    const [first = made(0), second = made(1)] = LOG;
    const { broken, repeatedRecords } = foldOf([first, second, first, second, ...LOG.slice(2)]);
    expect([broken, repeatedRecords]).toEqual([[], 2]);
  });

  it.each([
    ['a gap', [made(0), someDecision(3)], 'follows command 2'],
    ['a command decided two ways', [made(0), { ...made(0), reason: 'x' }], 'another way'],
    ['an operation decided twice', [made(0), { ...made(1), eventId: idOf(0) }], 'a second time'],
    ['a version that is missing', [made(0, { version: 2 })], 'makes version 2'],
  ])('names %s', (_, log, says) => {
    expect(foldOf(log).broken.join('\n')).toContain(says);
  });
});

describe('a fold of every verb', () => {
  const held = { status: 'held', holdUntilMs: 5_000 } as const;
  const verbs = [
    made(0, held),
    made(1, held),
    made(2, { id: 'res-0', version: 2 }),
    made(3, { id: 'res-0', version: 3, quantity: 2 }),
    made(4, { id: 'res-0', version: 4, quantity: 2, status: 'cancelled' }),
    someDecision(5, { decision: 'rejected', reason: 'it has ended' }),
    // A tick: nobody asked, and a hold ends with it.
    someDecision(9, {
      eventId: null,
      tenant: null,
      reservation: null,
      previousCommandOffset: '5',
      expired: [someReservation({ id: 'res-1', status: 'expired', version: 2 })],
    }),
  ];

  it('has each reservation as its last change left it, and an operation for each that was asked for', () => {
    const { broken, reservations, operations, decidedThrough } = foldOf(verbs);
    expect(broken).toEqual([]);
    expect(reservations.get('t/res-0')).toMatchObject({ status: 'cancelled', version: 4, quantity: 2 });
    expect(reservations.get('t/res-1')).toMatchObject({ status: 'expired', version: 2 });
    expect([reservations.size, operations.size, decidedThrough.get(0)]).toEqual([2, 6, 9n]);
  });

  it('tells a projection in which the hold did not end', () => {
    const rows = rowsOf(verbs.slice(0, -1));
    expect(differences(around(verbs), rows, 'az-a')).toEqual([
      expect.stringContaining('1 reservations are not as the events leave them: t/res-1 (r held v1'),
    ]);
  });
});

describe('a projection', () => {
  it('that is equal to the fold shows no difference', () => {
    expect(differences(around(LOG), rowsOf(LOG), 'az-a')).toEqual([]);
  });

  it('may be as the events left it before it was read or after, and not as at no time', () => {
    const held = made(0, { status: 'held', holdUntilMs: 9 });
    const ended = {
      ...made(0, { version: 2, status: 'expired' }),
      commandOffset: '1',
      previousCommandOffset: '0',
    };
    const tick = {
      ...ended,
      eventId: null,
      tenant: null,
      expired: [ended.reservation].flatMap((r) => r ?? []),
      reservation: null,
    };
    const readAround = around([held], [held, tick]);
    expect(differences(readAround, rowsOf([held]), 'az-a')).toEqual([]);
    expect(differences(readAround, rowsOf([held, tick]), 'az-a')).toEqual([]);
    expect(differences(readAround, rowsOf([made(0, { status: 'active' })]), 'az-a')).toHaveLength(1);
  });

  it.each([
    [
      'lacks a reservation and its operation',
      rowsOf([]),
      ['reservations are not in it', 'operations are not in it'],
    ],
    [
      'has one nobody made',
      rowsOf([...LOG, made(3)]),
      ['reservations stand in no event', 'operations stand'],
    ],
    [
      'is a version behind',
      rowsOf(LOG.slice(0, 1)),
      ['not as the events leave them (', 'operations are not in'],
    ],
    [
      'has another decision',
      rowsOf([...LOG.slice(0, 2), someDecision(2, { decision: 'expired', reservation: null })]),
      ['operations have another decision'],
    ],
  ])('that %s is told', (_, rows, says) => {
    const text = differences(around(LOG), rows, 'az-a').join('\n').replace('them: t/res-0 (', 'them (');
    for (const words of says) expect(text).toContain(words);
  });
});
