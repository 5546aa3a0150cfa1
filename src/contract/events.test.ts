import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEvent, EVENT_SCHEMAS, encodeEvent } from './events.ts';
import { COMMAND_TYPES, type Decision, STATUSES } from './records.ts';
import { someDecision, someReservation } from './testing/decisions.ts';

const anyReservation = fc
  .record({ status: fc.constantFrom(...STATUSES), version: fc.integer({ min: 1, max: 9 }), hold: fc.nat() })
  .map(({ status, version, hold }) =>
    someReservation({ status, version, holdUntilMs: status === 'held' ? hold : null }),
  );
/** Decisions as they are read from schema 1: which command they answer is not said. */
const decisions: fc.Arbitrary<Decision> = fc
  .record({
    offset: fc.nat(),
    kind: fc.constantFrom('accepted', 'rejected', 'expired'),
    reservation: anyReservation,
    expired: fc.array(anyReservation, { maxLength: 2 }),
  })
  .map(({ offset, kind, reservation, expired }) =>
    someDecision(offset, {
      decision: kind as Decision['decision'],
      reservation: kind === 'accepted' ? reservation : null,
      expired,
    }),
  );

describe('an event', () => {
  it('is the same decision in every schema it is written in', () => {
    fc.assert(
      fc.property(decisions, fc.constantFrom(...EVENT_SCHEMAS), (decision, schema) => {
        expect(decodeEvent(encodeEvent(decision, schema))).toEqual({ schema, decision });
      }),
    );
  });

  it('has the same bytes whatever schema it was read from before', () => {
    const schemas = fc.constantFrom(...EVENT_SCHEMAS);
    fc.assert(
      fc.property(decisions, schemas, schemas, (decision, read, written) => {
        const again = decodeEvent(encodeEvent(decision, read))?.decision ?? decision;
        expect(encodeEvent(again, written)).toEqual(encodeEvent(decision, written));
      }),
    );
  });

  it('of schema 2 says which command it answers, and one of schema 1 that claims to be 2 is none', () => {
    for (const command of COMMAND_TYPES) {
      const written = encodeEvent(someDecision(1, { command }), 2);
      expect(decodeEvent(written)?.decision.command).toBe(command);
      expect(decodeEvent(encodeEvent(someDecision(1, { command }), 1))?.decision.command).toBeNull();
    }
    const { command: _, ...decision } = someDecision(1);
    expect(decodeEvent(Buffer.from(JSON.stringify({ ...decision, v: 2 })))).toBeUndefined();
    expect(decodeEvent(Buffer.from(JSON.stringify({ ...decision, v: 3 })))).toBeUndefined();
  });

  it('is not found in what is no event', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => decodeEvent(bytes) === undefined));
    expect(decodeEvent(null)).toBeUndefined();
  });
});
