import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Event, histories, START, TERMS, World } from './lease-world-fixture.ts';
import {
  afterOutcome,
  type Grant,
  type LeaseState,
  nextQuestion,
  permitAt,
  UNLEASED,
} from './worker-lease.ts';

describe('leased workers', () => {
  test('no id is given twice, whatever pauses, kills, lost answers, suspended machines and stepping clocks come', () => {
    let issued = 0;
    fc.assert(
      fc.property(histories, (events) => {
        const world = new World();
        for (const each of events) world.apply(each);
        expect(world.overlaps()).toEqual([]);
        expect(new Set(world.issued.map(({ id }) => id)).size).toBe(world.issued.length);
        issued += world.issued.length;
      }),
      { numRuns: 1500 },
    );
    expect(issued).toBeGreaterThan(5000);
  });

  test('two processes never hold one worker at the same moment while clocks differ by less than the quarantine', () => {
    let held = 0;
    const calm = (each: Event): Event => {
      // Within half of the bound either way; a suspended machine is told by its wall clock.
      if (each.do === 'step') return { ...each, ms: Math.round(each.ms / 6) };
      if (each.do === 'wall') return { ...each, ms: 0 };
      return each;
    };
    fc.assert(
      fc.property(histories, (events) => {
        const world = new World();
        for (const each of events) {
          world.apply(calm(each));
          expect(world.shared()).toEqual([]);
          held += world.gateways.filter((gateway) => gateway.state.held !== undefined).length;
        }
      }),
      { numRuns: 500 },
    );
    expect(held).toBeGreaterThan(5000);
  });
});

const granted = (over: Partial<Grant> = {}): LeaseState =>
  afterOutcome(UNLEASED, {
    kind: 'granted',
    grant: { worker: 600, floorMs: 0, ceilingMs: 1e15, nowMs: START, ...over },
    asked: { monoMs: 0, wallMs: START },
    answered: { monoMs: 100, wallMs: START + 100 },
  });

describe('a permit', () => {
  test('carries the time of the database on by the monotonic clock', () => {
    const permit = permitAt(granted(), { monoMs: 600, wallMs: START + 600 }, TERMS);
    expect(permit).toEqual({ ok: true, nowMs: START + 500, leftMs: 8400 });
  });

  test('ends when the lease, counted from before the question, has run out', () => {
    expect(permitAt(granted(), { monoMs: 8999, wallMs: START + 8999 }, TERMS).ok).toBe(true);
    const end = permitAt(granted(), { monoMs: 9000, wallMs: START + 9000 }, TERMS);
    expect(end).toEqual({ ok: false, reason: 'the lease of worker 600 ran out: not renewed' });
  });

  test('is refused when the wall clock went back or leapt, until the database has answered again', () => {
    for (const stepMs of [-6000, 6000]) {
      const at = { monoMs: 200, wallMs: START + 200 + stepMs };
      expect(permitAt(granted(), at, TERMS)).toMatchObject({ ok: false, reason: /stepped by/ });
      expect(nextQuestion(granted(), { ...at, monoMs: 1000 }, TERMS)).toBe('renew');
      const again = afterOutcome(granted(), {
        kind: 'granted',
        grant: { worker: 600, floorMs: 7, ceilingMs: 1e15, nowMs: START + 200 },
        asked: at,
        answered: at,
      });
      expect(permitAt(again, at, TERMS).ok).toBe(true);
      expect(again.held?.floorMs).toBe(0);
    }
  });

  test('outlives questions without an answer, and ends with a worker that went to somebody else', () => {
    const asked = { monoMs: 200, wallMs: START + 200 };
    const unsure = afterOutcome(granted(), { kind: 'unsure', reason: 'away', asked });
    expect(permitAt(unsure, asked, TERMS).ok).toBe(true);
    const taken = afterOutcome(unsure, { kind: 'taken', asked });
    expect(permitAt(taken, asked, TERMS)).toMatchObject({ ok: false, reason: /went to another process/ });
    expect(nextQuestion(taken, { monoMs: 1200, wallMs: 0 }, TERMS)).toBe('acquire');
  });
});
