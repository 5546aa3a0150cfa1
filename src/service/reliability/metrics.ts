import { Gauge, type Registry } from 'prom-client';
import { ABOUT } from '../../contract/reliability.ts';
import { judge, verdictOf } from './judge.ts';
import type { Facts } from './look.ts';

interface Shown {
  readonly name: string;
  readonly help: string;
  /** Undefined: it could not be asked, which is shown as NaN. */
  readonly of: (facts: Facts, nowMs: number) => number | undefined;
}

/** What of the facts no other metric says. Asked for when somebody collects, at most once a second. */
const SHOWN: readonly Shown[] = [
  {
    name: 'uplift_reliability_sweepers_working',
    help: 'Sweepers that were heard from and end their rounds',
    of: ({ sweeper }) => known(sweeper)?.working,
  },
  {
    name: 'uplift_reliability_unknown_due',
    help: 'Unknown outcomes that a sweeper should take now',
    of: ({ unknownOutcomes }) => known(unknownOutcomes)?.due,
  },
  {
    name: 'uplift_reliability_unknown_given_up',
    help: 'Unknown outcomes that were given up within a day',
    of: ({ unknownOutcomes }) => known(unknownOutcomes)?.givenUp,
  },
  {
    name: 'uplift_reliability_unknown_retryable',
    help: 'Unknown outcomes whose time to be sent again is not over',
    of: ({ unknownOutcomes }) => known(unknownOutcomes)?.retryable,
  },
  {
    name: 'uplift_reliability_parked',
    help: 'Events that are parked as dead letters and wait for their replay',
    of: ({ deadLetters }) => known(deadLetters)?.parked,
  },
  {
    name: 'uplift_reliability_parked_oldest_seconds',
    help: 'Age of the oldest of them, 0 when none',
    of: ({ deadLetters }, nowMs) => {
      const value = known(deadLetters);
      if (value === undefined) return undefined;
      return value.oldestAt === null ? 0 : Math.max(0, nowMs - Date.parse(value.oldestAt)) / 1000;
    },
  },
  {
    name: 'uplift_reliability_reservations_behind',
    help: 'Reservations with events parked behind an earlier one',
    of: ({ deadLetters }) => known(deadLetters)?.reservationsBehind,
  },
  {
    name: 'uplift_reliability_crossed_week',
    help: 'Idempotency keys that two stores granted, by all gateways of a week',
    of: ({ idempotency }) => known(idempotency)?.crossed,
  },
];

type Fact<V> =
  | { readonly state: 'known'; readonly value: V }
  | { readonly state: 'unknown'; readonly reason: string };

const known = <V>(fact: Fact<V>): V | undefined => (fact.state === 'known' ? fact.value : undefined);

/** Adds the gauges; each collection asks for the facts, which answer from one look. */
export function addReliabilityMetrics(
  registry: Registry,
  all: () => Promise<Facts>,
  nowMs: () => number,
): void {
  const registers = [registry];
  for (const { name, help, of } of SHOWN)
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        this.set(of(await all(), nowMs()) ?? Number.NaN);
      },
    });
  new Gauge({
    name: 'uplift_reliability_verdict',
    help: 'Of each fact: 1 well, 0 needs attention, NaN not known',
    labelNames: ['about'],
    registers,
    async collect() {
      const reasons = judge(await all(), nowMs());
      for (const about of ABOUT) {
        const verdict = verdictOf(reasons.filter((reason) => reason.about === about));
        this.set({ about }, { ok: 1, attention: 0, unknown: Number.NaN }[verdict]);
      }
    },
  });
}
