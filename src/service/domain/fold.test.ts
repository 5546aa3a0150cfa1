import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Command, Decision } from '../../contract/records.ts';
import { idOf, someCreate } from '../../contract/testing/decisions.ts';
import { decodeDecision, encodeCommand, encodeDecision } from './codec.ts';
import { type CommandRecord, decide, type Outcome } from './decide.ts';
import { LONGEST_WINDOW_MS, PAST_MS, REMEMBER_MS } from './rules.ts';
import { advance, apply, chain, emptyState, type FoldState } from './state.ts';
import { iso, START } from './testing/histories.ts';

const create = (over: Parameters<typeof someCreate>[0] = {}) =>
  someCreate({
    slot: { start: iso(0), end: iso(1) },
    issuedAtMs: START,
    notAfterMs: START + LONGEST_WINDOW_MS,
    ...over,
  });

const asked = (n: number, reservationId = 'res-1', atMs = START) =>
  ({
    v: 1,
    eventId: idOf(n),
    tenant: 't',
    reservationId,
    issuedAtMs: atMs,
    notAfterMs: atMs + 60_000,
  }) as const;
const confirm = (n: number, atMs = START): Command => ({ ...asked(n, 'res-1', atMs), type: 'confirm' });
const cancel = (n: number): Command => ({ ...asked(n), type: 'cancel' });
const change = (n: number, over: Partial<Extract<Command, { type: 'change' }>>): Command => ({
  ...asked(n),
  type: 'change',
  slot: null,
  quantity: null,
  ...over,
});
const TICK: Command = { v: 1, type: 'tick' };

function record(offset: number, value: Command | Uint8Array | null, timestampMs = START): CommandRecord {
  const bytes = value === null || value instanceof Uint8Array ? value : encodeCommand(value);
  return { offset: BigInt(offset), timestampMs, value: bytes };
}

/** Takes records one after the other, as the owner of a partition does. */
function outcomes(records: readonly CommandRecord[], state: FoldState = emptyState()): Outcome[] {
  return records.map((each) => {
    const outcome = decide(state, each);
    if (outcome.kind === 'decided') apply(state, outcome.decision);
    if (outcome.kind === 'quiet') advance(state, outcome.logTimeMs);
    return outcome;
  });
}

function run(records: readonly CommandRecord[], state: FoldState = emptyState()): Decision[] {
  return outcomes(records, state).flatMap((outcome) =>
    outcome.kind === 'decided' ? [outcome.decision] : [],
  );
}

const short = ({ decision, reason, reservation }: Decision): string =>
  [decision, reason ?? reservation?.status].filter(Boolean).join(' ');

describe('a create', () => {
  test('that fits is accepted with the reservation id it carries', () => {
    const [decision] = run([record(5, create())]);
    expect(decision).toMatchObject({
      decision: 'accepted',
      command: 'create',
      commandOffset: '5',
      previousCommandOffset: '-1',
      rulesVersion: 1,
      tenant: 't',
      reservation: { id: 'res-1', status: 'active', version: 1, holdUntilMs: null },
    });
  });

  test('of the hundredth unit is accepted and of the next is full, but only while slots overlap', () => {
    const next = (n: number, quantity: number, slot = { start: iso(0), end: iso(1) }): Command =>
      create({ eventId: idOf(n), reservationId: `res-${n}`, quantity, slot });
    const decisions = run([
      record(0, next(1, 60)),
      record(1, next(2, 41)),
      record(2, next(3, 40)),
      record(3, next(4, 1)),
      record(4, next(5, 100, { start: iso(1), end: iso(2) })),
    ]);
    expect(decisions.map(short)).toEqual([
      'accepted active',
      'rejected full',
      'accepted active',
      'rejected full',
      'accepted active',
    ]);
  });

  test('is refused when its slot began more than a day ago', () => {
    const at = START + PAST_MS;
    const late = create({ notAfterMs: at });
    expect(run([record(0, late, at - 1)]).map(short)).toEqual(['accepted active']);
    expect(run([record(0, late, at)]).map(short)).toEqual(['rejected past']);
  });
});

describe('a hold', () => {
  const HELD = record(0, create({ holdMs: 60_000, quantity: 80 }));
  const other = create({ eventId: idOf(9), reservationId: 'res-9', quantity: 80 });

  test('takes its place until it is confirmed, up to the very end of it', () => {
    const decisions = run([HELD, record(1, other), record(2, confirm(1, START + 1000), START + 60_000)]);
    expect(decisions.map(short)).toEqual(['accepted held', 'rejected full', 'accepted active']);
    expect(decisions[2]?.reservation).toMatchObject({ version: 2, holdUntilMs: null });
  });

  test('that nobody confirmed ends with a tick, gives its place back, and cannot be confirmed any more', () => {
    const all = outcomes([
      HELD,
      record(1, TICK, START + 60_000),
      record(2, confirm(1, START + 60_001), START + 60_001),
      record(3, TICK, START + 60_001),
      record(4, confirm(2, START + 60_001), START + 60_001),
      record(5, other, START + 60_001),
    ]);
    expect(all[1]).toEqual({ kind: 'quiet', logTimeMs: START + 60_000 });
    const decisions = all.flatMap((outcome) => (outcome.kind === 'decided' ? [outcome.decision] : []));
    expect(decisions.map(short)).toEqual([
      'accepted held',
      'rejected hold-ended',
      'accepted',
      'rejected not-found',
      'accepted active',
    ]);
    expect(decisions[2]).toMatchObject({ command: 'tick', eventId: null, tenant: null, reservation: null });
    expect(decisions[2]?.expired).toMatchObject([{ id: 'res-1', status: 'expired', version: 2 }]);
    // The quiet tick is no link of the chain.
    expect(decisions[1]?.previousCommandOffset).toBe('0');
  });

  test('of a hundred and one that end at once, one ends with the next tick', () => {
    const holds = Array.from({ length: 101 }, (_, n) =>
      record(n, create({ eventId: idOf(n), reservationId: `res-${n}`, resource: `r${n}`, holdMs: 1000 })),
    );
    const ticks = [1, 2, 3].map((n) => record(200 + n, TICK, START + 1000 + n));
    const all = outcomes([...holds, ...ticks]).slice(101);
    expect(
      all.map((outcome) => (outcome.kind === 'decided' ? outcome.decision.expired.length : outcome.kind)),
    ).toEqual([100, 1, 'quiet']);
  });
});

describe('a change', () => {
  test('is judged as if its reservation were not there, and gives back what it took before', () => {
    const wide = { start: iso(0), end: iso(2) };
    const other = create({
      eventId: idOf(9),
      reservationId: 'res-9',
      quantity: 40,
      slot: { start: iso(1), end: iso(2) },
    });
    const decisions = run([
      record(0, create({ quantity: 60 })),
      record(1, other),
      record(2, change(1, { slot: wide })),
      record(3, change(2, { quantity: 61 })),
      record(4, change(3, { slot: { start: iso(5), end: iso(6) }, quantity: 100 })),
      record(5, create({ eventId: idOf(10), reservationId: 'res-10', quantity: 100 })),
    ]);
    expect(decisions.map(short)).toEqual([
      'accepted active',
      'accepted active',
      'accepted active',
      'rejected full',
      'accepted active',
      'accepted active',
    ]);
    expect(decisions[4]?.reservation).toMatchObject({ version: 3, quantity: 100 });
  });

  test('of what was cancelled, of another tenant or of nobody finds nothing', () => {
    const foreign: Command = { ...asked(5), type: 'cancel', tenant: 'u' };
    const decisions = run([
      record(0, create()),
      record(1, foreign),
      record(2, cancel(1)),
      record(3, change(2, { quantity: 2 })),
      record(4, cancel(3)),
    ]);
    expect(decisions.map(short)).toEqual([
      'accepted active',
      'rejected not-found',
      'accepted cancelled',
      'rejected not-found',
      'rejected not-found',
    ]);
  });
});

describe('an event id', () => {
  test('that comes again answers the first reservation, whatever the later command carries', () => {
    const [, repeated] = run([
      record(0, create()),
      record(1, create({ reservationId: 'res-2', quantity: 9 })),
    ]);
    expect(repeated).toMatchObject({
      decision: 'repeated',
      first: { commandOffset: '0', decision: 'accepted' },
    });
    expect(repeated?.reservation?.id).toBe('res-1');
  });

  test('is forgotten only when no copy of its command can be accepted again', () => {
    const first = create();
    const [, last, late] = run([
      record(0, first),
      record(1, first, START + REMEMBER_MS),
      record(2, first, START + REMEMBER_MS + 1),
    ]);
    expect([last?.decision, late?.decision]).toEqual(['repeated', 'expired']);
  });
});

describe('log time', () => {
  test('past notAfter decides expired, also when a later record carries an earlier timestamp', () => {
    const short = create({ notAfterMs: START + 60_000 });
    const decisions = run([
      record(0, { ...short, eventId: idOf(1) }, START + 60_000),
      record(1, { ...short, eventId: idOf(2) }, START + 60_001),
      record(2, { ...short, eventId: idOf(3) }, START),
    ]);
    expect(decisions.map((d) => d.decision)).toEqual(['accepted', 'expired', 'expired']);
    expect(decisions[2]?.logTimeMs).toBe(START + 60_001);
  });

  test('and a notAfter beyond the longest window is not a valid command', () => {
    const [decision] = run([record(0, create({ notAfterMs: START + LONGEST_WINDOW_MS + 1 }))]);
    expect(decision).toMatchObject({ decision: 'unparseable', eventId: null });
  });
});

describe('the rules', () => {
  const rules = (n: number, rulesVersion: number): Command => ({
    v: 1,
    type: 'rules',
    eventId: idOf(n),
    rulesVersion,
  });

  test('change where the log says so, once, and never back', () => {
    const big = (n: number): Command =>
      create({ eventId: idOf(n), reservationId: `res-${n}`, quantity: 51, resource: `r${n}` });
    const decisions = run([
      record(0, big(1)),
      record(1, rules(2, 2)),
      record(2, big(3)),
      record(3, rules(2, 2)),
      record(4, rules(4, 1)),
    ]);
    expect(decisions.map(short)).toEqual([
      'accepted active',
      'accepted',
      'rejected too-large',
      'repeated',
      'rejected rules-not-newer',
    ]);
    expect(decisions.map((d) => d.rulesVersion)).toEqual([1, 2, 2, 2, 2]);
  });

  test('of a version nobody here knows end the deciding, and say so', () => {
    const state = emptyState();
    const [first, beyond] = outcomes([record(0, create()), record(1, rules(2, 3))], state);
    expect(first?.kind).toBe('decided');
    expect(beyond).toMatchObject({ kind: 'beyond', reason: expect.stringContaining('version 3') });
    expect(state.lastCommandOffset).toBe(0n);
  });
});

test('any bytes give exactly one unparseable decision and never throw', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        const [decision] = run([record(0, bytes)]);
        expect(decision).toMatchObject({ decision: 'unparseable', eventId: null, commandOffset: '0' });
        expect(decodeDecision(encodeDecision(decision as Decision))).toEqual(decision);
      },
    ),
  );
});

test('chain tells the next decision from a repeat and from a gap', () => {
  const decisions = run([record(0, create()), record(3, null), record(4, null)]);
  const state = emptyState();
  apply(state, decisions[0] as Decision);
  expect(decisions.map((d) => chain(state, d))).toEqual(['repeat', 'next', 'gap']);
});
