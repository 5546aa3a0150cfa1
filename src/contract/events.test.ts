import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEvent, EVENT_SCHEMAS, encodeEvent } from './events.ts';
import type { Decision } from './records.ts';

const slot = { start: '2026-06-01T10:00:00Z', end: '2026-06-01T11:00:00.000Z' };
const decisions: fc.Arbitrary<Decision> = fc
  .record({ offset: fc.nat(), kind: fc.constantFrom('accepted', 'rejected', 'expired') })
  .map(
    ({ offset, kind }): Decision => ({
      v: 1,
      decision: kind as Decision['decision'],
      rulesVersion: 1,
      commandOffset: String(offset),
      previousCommandOffset: String(offset - 1),
      logTimeMs: 5,
      eventId: 'a'.repeat(32),
      reservation: kind === 'accepted' ? { id: 'r', tenant: 't', resource: 'x', slot, quantity: 2 } : null,
      reason: null,
      first: null,
    }),
  );

describe('an event', () => {
  it('is the same decision in every schema it is written in', () => {
    fc.assert(
      fc.property(decisions, fc.constantFrom(...EVENT_SCHEMAS), (decision, schema) => {
        expect(decodeEvent(encodeEvent(decision, schema))).toEqual({ schema, decision, version: 1 });
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

  it('of schema 2 says the version of its reservation, and one of schema 1 that claims to be 2 is none', () => {
    const [decision] = fc.sample(
      decisions.filter((each) => each.decision === 'accepted'),
      { numRuns: 1, seed: 1 },
    );
    if (decision === undefined) throw new Error('no sample');
    const written = JSON.parse(encodeEvent(decision, 2).toString()) as { reservation: { version: number } };
    expect(written.reservation.version).toBe(1);
    expect(decodeEvent(Buffer.from(JSON.stringify({ ...decision, v: 2 })))).toBeUndefined();
    expect(decodeEvent(Buffer.from(JSON.stringify({ ...decision, v: 3 })))).toBeUndefined();
  });

  it('is not found in what is no event', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => decodeEvent(bytes) === undefined));
    expect(decodeEvent(null)).toBeUndefined();
  });
});
