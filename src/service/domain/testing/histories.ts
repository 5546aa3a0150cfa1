import fc from 'fast-check';
import type { Command } from '../../../contract/records.ts';
import { NEWEST_RULES } from '../../../contract/rules.ts';
import { idOf } from '../../../contract/testing/decisions.ts';
import { LONGEST_WINDOW_MS, PAST_MS, REMEMBER_MS } from '../rules.ts';
import type { NaiveRecord } from './naive.ts';

export const START = Date.UTC(2026, 5, 1);
const HOUR_MS = 3_600_000;
export const iso = (hours: number): string => new Date(START + hours * HOUR_MS).toISOString();

type Make = (nowMs: number) => Command | 'garbage';

const slot = fc
  .record({ from: fc.integer({ min: -30, max: 30 }), hours: fc.integer({ min: 1, max: 40 }) })
  .map(({ from, hours }) => ({ start: iso(from), end: iso(from + hours) }));
const quantity = fc.integer({ min: 1, max: 120 });
const window = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 0, max: LONGEST_WINDOW_MS }) },
  { weight: 1, arbitrary: fc.integer({ min: -1000, max: LONGEST_WINDOW_MS + 1000 }) },
);
const common = { n: fc.nat({ max: 40 }), of: fc.nat({ max: 9 }), tenant: fc.constantFrom('t', 'u'), window };

const asked = (c: { n: number; of: number; tenant: string; window: number }, nowMs: number) => ({
  v: 1 as const,
  eventId: idOf(c.n),
  tenant: c.tenant,
  reservationId: `res-${c.of}`,
  issuedAtMs: nowMs,
  notAfterMs: nowMs + c.window,
});

const create = fc
  .record({
    ...common,
    resource: fc.constantFrom('r1', 'r2'),
    slot,
    quantity,
    holdMs: fc.option(fc.oneof(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 1, max: 1_000_000 }))),
  })
  .map(
    (c): Make =>
      (nowMs) => ({
        ...asked(c, nowMs),
        type: 'create',
        resource: c.resource,
        slot: c.slot,
        quantity: c.quantity,
        holdMs: c.holdMs,
      }),
  );
const onExisting = fc
  .record({
    ...common,
    type: fc.constantFrom('confirm', 'cancel', 'change'),
    slot: fc.option(slot),
    quantity: fc.option(quantity),
  })
  .map(
    (c): Make =>
      (nowMs) =>
        c.type === 'change'
          ? { ...asked(c, nowMs), type: 'change', slot: c.slot, quantity: c.quantity }
          : { ...asked(c, nowMs), type: c.type === 'confirm' ? 'confirm' : 'cancel' },
  );
const rulesUpTo = (max: number) =>
  fc.record({ n: fc.nat({ max: 40 }), rulesVersion: fc.integer({ min: 1, max }) }).map(
    (c): Make =>
      () => ({ v: 1, type: 'rules', eventId: idOf(c.n), rulesVersion: c.rulesVersion }),
  );

const stepWith = (newestRules: number) =>
  fc.record({
    make: fc.oneof(
      { weight: 10, arbitrary: create },
      { weight: 10, arbitrary: onExisting },
      { weight: 5, arbitrary: fc.constant<Make>(() => ({ v: 1, type: 'tick' })) },
      { weight: 1, arbitrary: rulesUpTo(newestRules) },
      { weight: 1, arbitrary: fc.constant<Make>(() => 'garbage') },
    ),
    hole: fc.nat({ max: 2 }),
    stepMs: fc.oneof(
      { weight: 12, arbitrary: fc.integer({ min: -500, max: 10_000 }) },
      { weight: 1, arbitrary: fc.constantFrom(REMEMBER_MS, REMEMBER_MS + 1, HOUR_MS, PAST_MS) },
    ),
  });

const historiesWith = (newestRules: number) =>
  fc.array(stepWith(newestRules), { maxLength: 80, size: 'max' }).map((steps) => {
    let offset = -1;
    let atMs = START;
    return steps.map(({ make, hole, stepMs }): NaiveRecord => {
      offset += 1 + hole;
      atMs += stepMs;
      return { offset, timestampMs: atMs, command: make(atMs) };
    });
  });

/** A partition's history: commands of two tenants, ticks, changes of rules, garbage; holes; clocks that go back. */
export const histories = historiesWith(NEWEST_RULES);

/** With changes to rules that nobody here knows too: an owner would stop there. */
export const historiesBeyond = historiesWith(NEWEST_RULES + 1);
