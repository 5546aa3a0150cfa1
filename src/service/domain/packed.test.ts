import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nameSchema, type ReservationState, reservationStateSchema } from '../../contract/records.ts';
import { Firsts } from './firsts.ts';
import { Live } from './live.ts';
import { REMEMBER_MS } from './rules.ts';

const name = fc
  .stringMatching(/^[A-Za-z0-9._:-]{1,128}$/)
  .filter((text) => nameSchema.safeParse(text).success);
const times = fc.integer({ min: 0, max: 8_000_000_000_000 }).map((ms) => new Date(ms).toISOString());
const reservations: fc.Arbitrary<ReservationState> = fc
  .record({
    // An id is whatever a gateway made: also one with spaces.
    id: fc.string({ minLength: 1, maxLength: 64 }),
    tenant: name,
    resource: name,
    slot: fc.record({ start: times, end: times }).map(({ start, end }) => ({
      start: start < end ? start.replace('.000Z', 'Z') : end,
      end: start < end ? end : start,
    })),
    quantity: fc.integer({ min: 1, max: 1000 }),
    version: fc.integer({ min: 1 }),
    holdUntilMs: fc.option(fc.integer({ min: 0, max: 8_000_000_000_000 })),
  })
  .map((each) => ({ ...each, status: each.holdUntilMs === null ? ('active' as const) : ('held' as const) }))
  .filter((each) => reservationStateSchema.safeParse(each).success);

test('a live reservation comes back as it was put in, and a view stays as it was', () => {
  fc.assert(
    fc.property(fc.uniqueArray(reservations, { selector: ({ id }) => id, minLength: 1 }), (all) => {
      const live = new Live();
      for (const each of all) live.set(each);
      for (const each of all) expect(live.get(each.id)).toEqual(each);
      const view = live.view();
      for (const { id } of all) live.delete(id);
      expect([live.size, live.get(all[0]?.id ?? '')]).toEqual([0, undefined]);
      expect(view.size).toBe(all.length);
      expect([...view]).toEqual(all);
    }),
  );
});

test('a first decision comes back as it was put in for as long as it counts, and a view stays as it was', () => {
  const firsts = fc.record({
    commandOffset: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String),
    decision: fc.constantFrom('accepted', 'rejected', 'expired'),
    reservation: fc.option(reservations),
  });
  fc.assert(
    fc.property(fc.array(firsts, { minLength: 1 }), fc.integer({ min: 0, max: 8e12 }), (all, logTimeMs) => {
      const memory = new Firsts();
      const given = all.map((first, at) => [`event ${at}`, { ...first, logTimeMs }] as const);
      for (const [eventId, first] of given) memory.add(eventId, first);
      for (const [eventId, first] of given)
        expect(memory.at(eventId, logTimeMs + REMEMBER_MS)).toEqual(first);
      const view = memory.view(logTimeMs + REMEMBER_MS);
      memory.forget(logTimeMs + REMEMBER_MS + 1);
      expect(memory.at('event 0', logTimeMs)).toBeUndefined();
      expect([view.size, [...view]]).toEqual([all.length, given]);
    }),
  );
});
