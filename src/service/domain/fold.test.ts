import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Command, Decision } from '../../contract/records.ts';
import { decodeDecision, encodeCommand, encodeDecision } from './codec.ts';
import { type CommandRecord, decide } from './decide.ts';
import { REMEMBER_MS, RULES } from './rules.ts';
import { apply, chain, emptyState, type FoldState } from './state.ts';

const START = Date.UTC(2026, 5, 1);
const iso = (hours: number): string => new Date(START + hours * 3_600_000).toISOString();

function command(over: Partial<Command> = {}): Command {
  return {
    v: 1,
    type: 'create',
    eventId: 'a'.repeat(32),
    tenant: 't',
    resource: 'r',
    reservationId: 'res-1',
    slot: { start: iso(0), end: iso(1) },
    quantity: 1,
    issuedAtMs: START,
    notAfterMs: START + 60_000,
    ...over,
  };
}

function record(offset: number, value: Command | Uint8Array | null, timestampMs = START): CommandRecord {
  const bytes = value === null || value instanceof Uint8Array ? value : encodeCommand(value);
  return { offset: BigInt(offset), timestampMs, value: bytes };
}

/** Decides records one after the other, as the owner of a partition does. */
function run(records: readonly CommandRecord[], state: FoldState = emptyState()): Decision[] {
  return records.map((each) => {
    const decision = decide(state, each);
    apply(state, decision);
    return decision;
  });
}

/** State without what is only bookkeeping of the pruning. */
function seen(state: FoldState): unknown {
  const { lastCommandOffset, logTimeMs, firsts, taken } = state;
  return {
    lastCommandOffset,
    logTimeMs,
    firsts: [...firsts],
    taken: [...taken].toSorted(([a], [b]) => (a < b ? -1 : 1)),
  };
}

const id = (n: number): string => n.toString(16).padStart(32, '0');

const anyCommand = fc
  .record({
    n: fc.nat({ max: 15 }),
    resource: fc.constantFrom('r1', 'r2'),
    from: fc.nat({ max: 6 }),
    hours: fc.integer({ min: 1, max: 4 }),
    quantity: fc.integer({ min: 1, max: 70 }),
    window: fc.integer({ min: -1000, max: RULES.longestWindowMs + 1000 }),
  })
  .map(
    (c) => (nowMs: number) =>
      command({
        eventId: id(c.n),
        resource: c.resource,
        reservationId: `res-${c.n}`,
        slot: { start: iso(c.from), end: iso(c.from + c.hours) },
        quantity: c.quantity,
        notAfterMs: nowMs + c.window,
      }),
  );

/** A partition's history: mostly commands, some garbage, offsets with holes, broker clocks that jump. */
const history = fc
  .array(
    fc.record({
      make: fc.oneof(
        { weight: 9, arbitrary: anyCommand },
        { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((b) => () => b) },
      ),
      hole: fc.nat({ max: 2 }),
      stepMs: fc.oneof(
        { weight: 8, arbitrary: fc.integer({ min: -500, max: 2000 }) },
        { weight: 1, arbitrary: fc.constant(REMEMBER_MS) },
      ),
    }),
    { maxLength: 60 },
  )
  .map((items) => {
    let offset = -1;
    let atMs = START;
    return items.map(({ make, hole, stepMs }) => {
      offset += 1 + hole;
      atMs += stepMs;
      return record(offset, make(atMs), atMs);
    });
  });

describe('the fold', () => {
  test('a command that fits is accepted with the reservation id it carries', () => {
    const [decision] = run([record(5, command())]);
    expect(decision).toMatchObject({
      decision: 'accepted',
      commandOffset: '5',
      previousCommandOffset: '-1',
      rulesVersion: 1,
    });
    expect(decision?.reservation?.id).toBe('res-1');
  });

  test('the hundredth unit is accepted and the next is full, but only while slots overlap', () => {
    const decisions = run([
      record(0, command({ eventId: id(1), quantity: 60 })),
      record(1, command({ eventId: id(2), quantity: 41 })),
      record(2, command({ eventId: id(3), quantity: 40 })),
      record(3, command({ eventId: id(4), quantity: 1 })),
      record(4, command({ eventId: id(5), quantity: 100, slot: { start: iso(1), end: iso(2) } })),
    ]);
    expect(decisions.map((d) => d.decision)).toEqual([
      'accepted',
      'rejected',
      'accepted',
      'rejected',
      'accepted',
    ]);
    expect(decisions[1]?.reason).toBe('full');
  });

  test('two reservations side by side count once each for a slot that spans both', () => {
    const decisions = run([
      record(0, command({ eventId: id(1), quantity: 60, slot: { start: iso(0), end: iso(1) } })),
      record(1, command({ eventId: id(2), quantity: 60, slot: { start: iso(1), end: iso(2) } })),
      record(2, command({ eventId: id(3), quantity: 40, slot: { start: iso(0), end: iso(2) } })),
    ]);
    expect(decisions.map((d) => d.decision)).toEqual(['accepted', 'accepted', 'accepted']);
  });

  test('a repeated event id answers the first reservation, whatever the later command carries', () => {
    const [, repeated] = run([
      record(0, command()),
      record(1, command({ reservationId: 'res-2', quantity: 9 })),
    ]);
    expect(repeated).toMatchObject({
      decision: 'repeated',
      first: { commandOffset: '0', decision: 'accepted' },
    });
    expect(repeated?.reservation?.id).toBe('res-1');
  });

  test('log time past notAfter decides expired, also when a later record carries an earlier timestamp', () => {
    const decisions = run([
      record(0, command({ eventId: id(1) }), START + 60_000),
      record(1, command({ eventId: id(2) }), START + 60_001),
      record(2, command({ eventId: id(3) }), START),
    ]);
    expect(decisions.map((d) => d.decision)).toEqual(['accepted', 'expired', 'expired']);
    expect(decisions[2]?.logTimeMs).toBe(START + 60_001);
  });

  test('a notAfter beyond the longest window is not a valid command', () => {
    const [decision] = run([record(0, command({ notAfterMs: START + RULES.longestWindowMs + 1 }))]);
    expect(decision).toMatchObject({ decision: 'unparseable', eventId: null });
  });

  test('an event id is forgotten only when no copy of its command can be accepted again', () => {
    const first = command({ notAfterMs: START + RULES.longestWindowMs });
    const state = emptyState();
    run([record(0, first)], state);
    run(
      [record(1, command({ eventId: id(2), notAfterMs: START + REMEMBER_MS + 1000 }), START + REMEMBER_MS)],
      state,
    );
    expect(state.firsts.has(first.eventId)).toBe(true);
    const [, late] = run(
      [record(2, null, START + REMEMBER_MS + 1), record(3, first, START + REMEMBER_MS + 1)],
      state,
    );
    expect(late?.decision).toBe('expired');
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

  test('every command gets one decision, chained to the one before, that survives its encoding', () => {
    fc.assert(
      fc.property(history, (records) => {
        const decisions = run(records);
        expect(decisions.map((d) => BigInt(d.commandOffset))).toEqual(records.map((r) => r.offset));
        decisions.forEach((d, i) => {
          expect(d.previousCommandOffset).toBe(decisions[i - 1]?.commandOffset ?? '-1');
          expect(decodeDecision(encodeDecision(d))).toEqual(d);
        });
      }),
    );
  });

  test('no instant of a resource is ever oversold, counted naively over what was accepted', () => {
    fc.assert(
      fc.property(history, (records) => {
        const held = run(records).flatMap((d) =>
          d.decision === 'accepted' && d.reservation ? [d.reservation] : [],
        );
        for (const one of held) {
          const at = Date.parse(one.slot.start);
          const taken = held
            .filter(
              (o) =>
                o.resource === one.resource && Date.parse(o.slot.start) <= at && at < Date.parse(o.slot.end),
            )
            .reduce((sum, o) => sum + o.quantity, 0);
          expect(taken).toBeLessThanOrEqual(RULES.capacityPerResource);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('a command is rejected only when a naive count says that it does not fit', () => {
    fc.assert(
      fc.property(history, (records) => {
        const state = emptyState();
        const held: NonNullable<Decision['reservation']>[] = [];
        for (const each of records) {
          const [d] = run([each], state);
          if (d?.decision === 'accepted' && d.reservation) held.push(d.reservation);
          if (d?.decision !== 'rejected') continue;
          const asked = JSON.parse(Buffer.from(each.value ?? []).toString()) as Command;
          const [from, to] = [Date.parse(asked.slot.start), Date.parse(asked.slot.end)];
          const inSlot = held.filter(
            (h) =>
              h.resource === asked.resource && Date.parse(h.slot.start) < to && Date.parse(h.slot.end) > from,
          );
          const instants = [from, ...inSlot.map((h) => Math.max(from, Date.parse(h.slot.start)))];
          const busiest = Math.max(
            ...instants.map((at) =>
              inSlot
                .filter((h) => Date.parse(h.slot.start) <= at && at < Date.parse(h.slot.end))
                .reduce((sum, h) => sum + h.quantity, 0),
            ),
          );
          expect(busiest + asked.quantity).toBeGreaterThan(RULES.capacityPerResource);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('replaying the decisions gives the state of having decided, at every point', () => {
    fc.assert(
      fc.property(history, fc.nat({ max: 60 }), (records, cut) => {
        const decided = emptyState();
        const log = run(records.slice(0, cut), decided);
        const restored = emptyState();
        for (const decision of log) {
          expect(chain(restored, decision)).toBe('next');
          apply(restored, decodeDecision(encodeDecision(decision)) as Decision);
        }
        expect(seen(restored)).toEqual(seen(decided));
        expect(run(records.slice(cut), restored)).toEqual(run(records.slice(cut), decided));
      }),
    );
  });

  test('no event id is accepted twice', () => {
    fc.assert(
      fc.property(history, (records) => {
        // Copies of one command, as a producer that sends again makes them: same bytes, later time.
        const copies = records.flatMap((r, i) => [
          r,
          ...(records[i - 1] ? [records[i - 1] as CommandRecord] : []),
        ]);
        const chained = copies.map((r, i) => ({ ...r, offset: BigInt(i), timestampMs: r.timestampMs }));
        const accepted = new Map<string, bigint>();
        for (const d of run(chained)) {
          if (d.decision !== 'accepted' || d.eventId === null) continue;
          const before = accepted.get(d.eventId);
          // Only a new request under an id that was forgotten may be accepted again.
          if (before !== undefined) expect(d.logTimeMs - Number(before)).toBeGreaterThan(REMEMBER_MS);
          accepted.set(d.eventId, BigInt(d.logTimeMs));
        }
      }),
    );
  });

  test('chain tells the next decision from a repeat and from a gap', () => {
    const decisions = run([record(0, command()), record(3, null), record(4, null)]);
    const state = emptyState();
    apply(state, decisions[0] as Decision);
    expect(decisions.map((d) => chain(state, d))).toEqual(['repeat', 'next', 'gap']);
  });
});
