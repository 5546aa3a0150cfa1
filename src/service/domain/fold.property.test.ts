import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Decision } from '../../contract/records.ts';
import { decodeDecision, encodeDecision } from './codec.ts';
import type { Outcome } from './decide.ts';
import { snapshotOf, snapshotSchema, stateFrom } from './snapshot.ts';
import { apply, chain, emptyState } from './state.ts';
import { decisionsOf, recordOf, take } from './testing/deciding.ts';
import { historiesBeyond as histories } from './testing/histories.ts';
import { NaiveFold, type NaiveOutcome } from './testing/naive.ts';

/** The part of an outcome that the naive model speaks of. */
function said(outcome: Outcome): NaiveOutcome {
  if (outcome.kind !== 'decided') return outcome.kind;
  const { decision, eventId, tenant, reason, reservation, rulesVersion, expired } = outcome.decision;
  return {
    ...{ decision, eventId, tenant, reservation, rulesVersion, expired },
    reason: decision === 'unparseable' ? (reason?.includes('notAfterMs') ? 'window' : 'garbage') : reason,
  };
}

const cut = fc.nat({ max: 80 });
/** Seconds on a quiet machine; a property is not about time. */
const SLOW_MS = 120_000;

describe('the fold, over random histories', { timeout: SLOW_MS }, () => {
  test('says of every record what the naive model says', () => {
    const kinds = new Map<string, number>();
    fc.assert(
      fc.property(histories, (history) => {
        const [state, naive] = [emptyState(), new NaiveFold()];
        for (const record of history) {
          const expected = naive.decide(record);
          const outcome = said(take(state, recordOf(record)));
          expect(outcome).toEqual(expected);
          const kind = typeof outcome === 'string' ? outcome : (outcome.reason ?? outcome.decision);
          kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        }
      }),
      { numRuns: 1500 },
    );
    // A history that never gets there proves nothing.
    const rare = [
      'full',
      'past',
      'too-large',
      'hold-too-long',
      'id-taken',
      'not-found',
      'not-held',
      'beyond',
    ];
    for (const kind of [...rare, 'hold-ended', 'repeated', 'expired', 'window', 'rules-not-newer', 'quiet'])
      expect([kind, (kinds.get(kind) ?? 0) > 20]).toEqual([kind, true]);
  });

  test('chains its decisions, and each survives its encoding', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const decisions = decisionsOf(emptyState(), history.map(recordOf));
        for (const [index, decision] of decisions.entries()) {
          expect(decision.previousCommandOffset).toBe(decisions[index - 1]?.commandOffset ?? '-1');
          expect(decodeDecision(encodeDecision(decision, 2))).toEqual(decision);
        }
      }),
    );
  });

  test('restored from its decisions at any point, decides on as if nothing had happened', () => {
    fc.assert(
      fc.property(histories, cut, (history, at) => {
        const records = history.map(recordOf);
        const decided = emptyState();
        const log = decisionsOf(decided, records.slice(0, at));
        const restored = emptyState();
        for (const decision of log) {
          expect(chain(restored, decision)).toBe('next');
          apply(restored, decodeDecision(encodeDecision(decision)) as Decision);
        }
        // Ticks with which nothing ended left no trace in the events: they are read again.
        const from = records.findIndex(({ offset }) => offset > restored.lastCommandOffset);
        const rest = from === -1 ? [] : records.slice(from);
        const again = decisionsOf(restored, rest);
        expect(again).toEqual(decisionsOf(decided, records.slice(at)));
        expect(snapshotOf(restored)).toEqual(snapshotOf(decided));
      }),
      { numRuns: 500 },
    );
  });

  test('restored from a snapshot taken at any point and the decisions after it, decides on alike', () => {
    fc.assert(
      fc.property(histories, cut, cut, (history, at, later) => {
        const records = history.map(recordOf);
        const decided = emptyState();
        decisionsOf(decided, records.slice(0, at));
        const stored = JSON.stringify(snapshotOf(decided));
        const log = decisionsOf(decided, records.slice(at, at + later));
        const restored = stateFrom(snapshotSchema.parse(JSON.parse(stored)));
        expect(JSON.stringify(snapshotOf(restored))).toBe(stored);
        for (const decision of log) apply(restored, decision);
        const rest = records.slice(at + later);
        const quiet = records
          .slice(at, at + later)
          .filter(({ offset }) => offset > restored.lastCommandOffset);
        expect(decisionsOf(restored, [...quiet, ...rest])).toEqual(decisionsOf(decided, rest));
        expect(snapshotOf(restored)).toEqual(snapshotOf(decided));
      }),
      { numRuns: 500 },
    );
  });

  test('of a zombie that decides on from an old state says the same as of its successor', () => {
    fc.assert(
      fc.property(histories, cut, (history, at) => {
        const records = history.map(recordOf);
        const [zombie, successor] = [emptyState(), emptyState()];
        const log = decisionsOf(zombie, records.slice(0, at));
        for (const decision of log) apply(successor, decision);
        const rest = records.slice(at);
        const quiet = records.slice(0, at).filter(({ offset }) => offset > successor.lastCommandOffset);
        const bytes = (decisions: readonly Decision[]): string[] =>
          decisions.map((decision) => encodeDecision(decision).toString());
        expect(bytes(decisionsOf(zombie, rest))).toEqual(bytes(decisionsOf(successor, [...quiet, ...rest])));
      }),
    );
  });

  test('never sells more than there is, at any instant after any decision, counted naively', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const state = emptyState();
        for (const record of history) {
          take(state, recordOf(record));
          const live = snapshotOf(state).live;
          for (const { tenant, resource, slot } of live) {
            const at = Date.parse(slot.start);
            const taken = live
              .filter((other) => other.tenant === tenant && other.resource === resource)
              .filter((other) => Date.parse(other.slot.start) <= at && at < Date.parse(other.slot.end))
              .reduce((sum, other) => sum + other.quantity, 0);
            expect(taken).toBeLessThanOrEqual(100);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
