import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { partitionOf, partitionOfReservation, reservationIdOf, resourceKey } from '../../contract/ids.ts';
import { commandSchema } from '../../contract/records.ts';
import { planOf, type Verb, type VerbRequest } from './requests.ts';
import type { CommandPlan } from './write.ts';

const SETTINGS = { partitions: 24, holdMs: 60_000 };
const STAMP = { eventId: 'a'.repeat(32), newReservationId: 'new', issuedAtMs: 1, notAfterMs: 2 };
const SLOT = { start: '2026-06-01T10:00:00Z', end: '2026-06-01T11:00:00Z' };
const ID = reservationIdOf(7n, resourceKey('acme', 'room-1'));
const BODY = { resource: 'room-1', slot: SLOT, quantity: 2 };

function plan(over: Partial<VerbRequest>): CommandPlan {
  const planned = planOf({ verb: 'create', tenant: 'acme', id: ID, body: BODY, ...over }, SETTINGS);
  if (planned.kind === 'refused') throw new Error(`${planned.problem} ${planned.detail ?? ''}`);
  return planned.plan;
}
const refusal = (over: Partial<VerbRequest>) =>
  planOf({ verb: 'create', tenant: 'acme', id: ID, body: BODY, ...over }, SETTINGS);
const commandOf = (made: CommandPlan) => commandSchema.parse(JSON.parse(made.encode(STAMP).toString()));

describe('the command of a request', () => {
  test('is a create in the partition of its resource, held as long as asked for or as is usual', () => {
    const made = plan({});
    expect(made).toMatchObject({ key: 'acme/room-1', partition: partitionOf('acme/room-1', 24) });
    expect(commandOf(made)).toMatchObject({ type: 'create', reservationId: 'new', holdMs: null });
    expect(commandOf(plan({ body: { ...BODY, hold: false } }))).toMatchObject({ holdMs: null });
    expect(commandOf(plan({ body: { ...BODY, hold: true } }))).toMatchObject({ holdMs: 60_000 });
    const body = { ...BODY, hold: true, holdSeconds: 5 };
    expect(commandOf(plan({ body }))).toMatchObject({ holdMs: 5000 });
  });

  test.each([
    ['confirm', undefined, { type: 'confirm' }],
    ['cancel', undefined, { type: 'cancel' }],
    ['change', { slot: SLOT }, { type: 'change', slot: SLOT, quantity: null }],
    ['change', { quantity: 3, resource: 'room-1' }, { type: 'change', slot: null, quantity: 3 }],
  ] as const)('%s of one that exists stands where its create stands, whoever asks', (verb, body, says) => {
    for (const tenant of ['acme', 'other']) {
      const made = plan({ verb, tenant, body: tenant === 'acme' ? body : { quantity: 3 } });
      expect(made).toMatchObject({ key: `${tenant}/${ID}`, newReservation: false });
      expect(made.partition).toBe(partitionOf('acme/room-1', 24));
    }
    expect(commandOf(plan({ verb, body }))).toMatchObject({ ...says, reservationId: ID, tenant: 'acme' });
  });

  test('another resource is refused, and what is no id of ours is not found', () => {
    const body = { resource: 'room-2', quantity: 1 };
    expect(refusal({ verb: 'change', body })).toEqual({ kind: 'refused', problem: 'otherResource' });
    expect(refusal({ verb: 'cancel', id: 'x' })).toEqual({ kind: 'refused', problem: 'notFound' });
  });

  test.each([
    ['create', { ...BODY, holdSeconds: 5 }],
    ['create', { ...BODY, hold: true, holdSeconds: 901 }],
    ['create', { ...BODY, slot: { ...SLOT, end: '9999-12-31T23:59:59.9999999Z' } }],
    ['create', { ...BODY, slot: { ...SLOT, start: '2026-06-01T10:00:00.0123456789Z' } }],
    ['change', { slot: { ...SLOT, end: `2026-06-01T11:00:00.${'0'.repeat(5000)}Z` } }],
    ['change', {}],
    ['change', { resource: 'room-1' }],
    ['change', null],
  ] as const)('is none for a %s that says %j', (verb, body) => {
    expect(refusal({ verb, body })).toMatchObject({ kind: 'refused', problem: 'invalid' });
  });

  test('has another fingerprint for another verb, another reservation or another wish, and the same for the same', () => {
    const wishes: Partial<VerbRequest>[] = [
      {},
      { body: { ...BODY, quantity: 3 } },
      { body: { ...BODY, hold: true } },
      { body: { ...BODY, hold: true, holdSeconds: 60 } },
      ...(['confirm', 'cancel'] as const).map((verb) => ({ verb })),
      { verb: 'cancel', id: reservationIdOf(8n, 'acme/room-1') },
      { verb: 'change', body: { quantity: 3 } },
      { verb: 'change', body: { slot: SLOT } },
      { verb: 'change', body: { slot: SLOT, quantity: 3 } },
    ];
    const prints = wishes.map((wish) => plan(wish).payload);
    expect(new Set(prints).size).toBe(wishes.length);
    const again = { slot: { end: SLOT.end, start: SLOT.start }, quantity: 2, resource: 'room-1' };
    expect(plan({ body: again }).payload).toBe(prints[0]);
  });

  test('has a slot of whole milliseconds, however fine it was asked for: Postgres would round it', () => {
    const finer = fc.record({
      ms: fc.integer({ min: 0, max: 1998 }),
      lasts: fc.integer({ min: 1, max: 2 }),
      digits: fc.tuple(fc.stringMatching(/^\d{0,6}$/), fc.stringMatching(/^\d{0,6}$/)),
    });
    const timeOf = (ms: number, digits: string): string =>
      new Date(Date.parse(SLOT.start) + ms).toISOString().replace('Z', `${digits}Z`);
    fc.assert(
      fc.property(finer, fc.constantFrom<Verb>('create', 'change'), ({ ms, lasts, digits }, verb) => {
        const asked = { start: timeOf(ms, digits[0]), end: timeOf(ms + lasts, digits[1]) };
        const command = commandOf(plan({ verb, body: { ...BODY, slot: asked } }));
        const slot = 'slot' in command ? command.slot : null;
        expect(slot).toEqual({ start: timeOf(ms, ''), end: timeOf(ms + lasts, '') });
      }),
    );
    const command = commandOf(plan({}));
    expect('slot' in command ? command.slot : null).toEqual(SLOT);
  });

  test('is always one that the fold can parse, in a partition there is, whatever was asked', () => {
    const verbs = fc.constantFrom<Verb>('create', 'confirm', 'change', 'cancel');
    const bodies = fc.oneof(
      fc.anything(),
      fc.record(
        {
          resource: fc.oneof(fc.constant('room-1'), fc.string()),
          slot: fc.oneof(fc.constant(SLOT), fc.record({ start: fc.string(), end: fc.string() })),
          quantity: fc.integer({ min: -1, max: 1200 }),
          hold: fc.boolean(),
          holdSeconds: fc.integer({ min: 0, max: 1000 }),
        },
        { requiredKeys: [] },
      ),
    );
    const ids = fc.oneof(fc.constant(ID), fc.string());
    fc.assert(
      fc.property(verbs, bodies, ids, fc.integer({ min: 1, max: 64 }), (verb, body, id, partitions) => {
        const planned = planOf({ verb, tenant: 'acme', id, body }, { partitions, holdMs: 1000 });
        if (planned.kind === 'refused') return;
        expect(commandOf(planned.plan).type).toBe(verb);
        expect(planned.plan.partition).toBeLessThan(partitions);
        if (verb !== 'create') expect(planned.plan.partition).toBe(partitionOfReservation(id, partitions));
      }),
      { numRuns: 2000 },
    );
  });
});
