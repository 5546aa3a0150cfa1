import type { ReliabilityStatus } from '../../../contract/reliability.ts';
import type { Facts } from '../look.ts';
import { statusOf } from '../status.ts';

export const NOW_MS = Date.UTC(2026, 5, 1, 12);
export const at = (agoMs: number): string => new Date(NOW_MS - agoMs).toISOString();
export const idOf = (n: number): string => n.toString(16).padStart(32, '0');

const known = <V>(value: V) => ({ state: 'known' as const, atMs: NOW_MS, value });

/** Facts of a platform on which all is well. */
export const WELL: Facts = {
  idempotency: known({
    gateways: { redis: 2, postgres: 0, nowhere: 0, notAsked: 0 },
    running: 3,
    oldestRunningMs: 40,
    heldInPostgres: { running: 0, finished: 0, released: 0, isAtLeast: false },
    crossed: 0,
    lastCrossedAt: null,
  }),
  unknownOutcomes: known({
    waiting: 0,
    due: 0,
    inLog: 0,
    oldestWaitingSince: null,
    longestOverdueMs: null,
    nextDueAt: null,
    mostAttempts: 0,
    givenUp: 0,
    givenUpBy: [],
    retryable: 0,
    notKept: 0,
    lastNotKeptAt: null,
    operations: [],
  }),
  sweeper: known({
    instances: [
      {
        instance: 'sweeper-1',
        startedAt: at(3_600_000),
        heardAt: at(2000),
        standing: 'working',
        notReady: null,
        sweptAt: at(2200),
        lastWork: null,
      },
    ],
    working: 1,
  }),
  deadLetters: known({ parked: 0, byReason: [], oldestAt: null, reservationsBehind: 0 }),
  projection: known({
    partitions: 24,
    covered: 24,
    stopped: 0,
    lagRecords: 3,
    lagSeconds: 0.2,
    movedAt: at(900),
    decidedThroughAt: at(1500),
  }),
};

/** The facts with some values of one of them changed. */
export function withFact<K extends keyof Facts>(
  about: K,
  over: Partial<Extract<Facts[K], { state: 'known' }>['value']>,
  facts: Facts = WELL,
): Facts {
  const fact = facts[about];
  if (fact.state !== 'known') throw new Error('not known');
  return { ...facts, [about]: { ...fact, value: Object.assign({}, fact.value, over) } };
}

/** The facts with one that could not be asked. */
export const withoutFact = (
  about: keyof Facts,
  reason = 'connection refused',
  facts: Facts = WELL,
): Facts => ({
  ...facts,
  [about]: { state: 'unknown', atMs: NOW_MS, reason },
});

/** The facts of a bad day, with `text` wherever somebody else's text stands. */
export function badDay(text: string): Facts {
  const unknown = withFact('unknownOutcomes', {
    waiting: 2,
    due: 1,
    inLog: 1,
    oldestWaitingSince: at(90_000),
    longestOverdueMs: 20_000,
    nextDueAt: at(-4000),
    mostAttempts: 6,
    givenUp: 1,
    givenUpBy: [{ reason: text, count: 1 }],
    retryable: 2,
    notKept: 1,
    lastNotKeptAt: at(5000),
    operations: [
      {
        operationId: text,
        standing: 'waiting',
        inLog: true,
        attempts: 6,
        keptAt: at(90_000),
        retryUntil: at(-20_000),
        givenUpFor: null,
      },
      {
        operationId: idOf(2),
        standing: 'givenUp',
        inLog: false,
        attempts: 10,
        keptAt: at(190_000),
        retryUntil: at(20_000),
        givenUpFor: text,
      },
    ],
  });
  const sweeper = withFact(
    'sweeper',
    {
      working: 0,
      instances: [
        {
          instance: text,
          startedAt: at(3_600_000),
          heardAt: at(60_000),
          standing: 'notReady',
          notReady: text,
          sweptAt: at(61_000),
          lastWork: { at: at(70_000), taken: 3, decided: 1, sent: 1, failed: 1, givenUp: 0 },
        },
      ],
    },
    unknown,
  );
  const letters = withFact(
    'deadLetters',
    {
      parked: 3,
      byReason: [{ reason: text, count: 3, oldestAt: at(600_000) }],
      oldestAt: at(600_000),
      reservationsBehind: 1,
    },
    sweeper,
  );
  return withoutFact('projection', text, letters);
}

export const statusAt = (facts: Facts, instance = 'sweeper-1'): ReliabilityStatus =>
  statusOf(facts, { region: 'local', instance }, NOW_MS);
