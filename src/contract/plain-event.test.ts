import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeEvent, eventIn } from './events.ts';
import { plainEvent } from './plain-event.ts';
import { COMMAND_TYPES, DECISIONS, type Decision, type ReservationState, STATUSES } from './records.ts';

const name = fc.stringMatching(/^[A-Za-z0-9._:-]{1,12}$/);
const offset = fc.bigInt({ min: -1n, max: 2n ** 63n - 1n }).map(String);
const moment = fc
  .date({ min: new Date('1990-01-01'), max: new Date('2090-01-01'), noInvalidDate: true })
  .map((date) => date.getTime());
const state: fc.Arbitrary<ReservationState> = fc.record({
  id: fc.string(),
  tenant: name,
  resource: name,
  slot: fc
    .tuple(moment, fc.integer({ min: 1, max: 90_000_000 }))
    .map(([at, ms]) => ({ start: new Date(at).toISOString(), end: new Date(at + ms).toISOString() })),
  quantity: fc.maxSafeInteger(),
  status: fc.constantFrom(...STATUSES),
  version: fc.integer({ min: 1 }),
  holdUntilMs: fc.option(fc.maxSafeInteger()),
});
const decision: fc.Arbitrary<Decision> = fc.record({
  v: fc.constant(1 as const),
  command: fc.option(fc.constantFrom(...COMMAND_TYPES)),
  decision: fc.constantFrom(...DECISIONS),
  rulesVersion: fc.maxSafeInteger(),
  commandOffset: offset,
  previousCommandOffset: offset,
  logTimeMs: fc.maxSafeInteger(),
  eventId: fc.option(fc.string()),
  tenant: fc.option(name),
  reservation: fc.option(state),
  reason: fc.option(fc.string()),
  first: fc.option(
    fc.record({
      commandOffset: offset,
      decision: fc.constantFrom('accepted' as const, 'rejected' as const, 'expired' as const),
    }),
  ),
  expired: fc.array(state, { maxLength: 2 }),
});
const written = fc
  .tuple(decision, fc.constantFrom(1 as const, 2 as const))
  .map(([one, schema]) => JSON.parse(encodeEvent(one, schema).toString()) as Record<string, unknown>);

/** Values that fields may wrongly or just rightly have. */
const odd = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, -0, 1, 2, 3, -1, 1.5, 2 ** 53, '', '0', '-', '-7', 'a/b', [], {}),
  fc.constantFrom<unknown>('accepted', 'create', 'held', 'A'.repeat(128), 'A'.repeat(129), 'a\n'),
  fc.constantFrom<unknown>(
    '2024-02-29T00:00:00.000Z',
    '2023-02-29T00:00:00.000Z',
    '2023-04-31T00:00:00.000Z',
    '2023-12-31T23:59:59.999Z',
    '2023-12-31T24:00:00.000Z',
    '2023-01-01T00:00:00Z',
    '2023-01-01T00:00:00.5Z',
    '2023-01-01T00:00:00.000+01:00',
    '2023-13-01T00:00:00.000Z',
  ),
  fc.jsonValue(),
);

/** Somewhere in the JSON, a field is another, is gone, or is one more. */
const damage = fc.record({
  path: fc.array(fc.nat(20), { minLength: 1, maxLength: 3 }),
  how: fc.constantFrom('set', 'remove', 'add'),
  value: odd,
});
type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;

function damaged(json: Record<string, unknown>, { path, how, value }: Damage): void {
  let at = json;
  for (const [depth, nth] of path.entries()) {
    const keys = Object.keys(at);
    const key = keys[nth % Math.max(1, keys.length)] ?? 'none';
    const inner = at[key];
    if (depth < path.length - 1 && typeof inner === 'object' && inner !== null) {
      at = inner as Record<string, unknown>;
      continue;
    }
    if (how === 'set') at[key] = value;
    else if (how === 'remove') delete at[key];
    else at.extra = value;
    return;
  }
}

describe('the check of events by hand', () => {
  test('knows every event that we write, but for the 29th of February, and reads it as the schema does', () => {
    fc.assert(
      fc.property(written, (json) => {
        const plain = plainEvent(json);
        expect(eventIn(json)).toBeDefined();
        if (!JSON.stringify(json).includes('-02-29T')) expect(plain).toEqual(eventIn(json));
      }),
      { numRuns: 500 },
    );
  });

  test('takes nothing that the schema refuses, and nothing otherwise', () => {
    fc.assert(
      fc.property(written, fc.array(damage, { minLength: 1, maxLength: 3 }), (json, damages) => {
        for (const one of damages) damaged(json, one);
        const plain = plainEvent(json);
        if (plain !== undefined) expect(plain).toEqual(eventIn(json));
      }),
      { numRuns: 5000 },
    );
  });

  test('says nothing of what is no object', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        const plain = plainEvent(json);
        if (plain !== undefined) expect(plain).toEqual(eventIn(json));
      }),
    );
  });
});
