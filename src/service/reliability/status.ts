import type { ReliabilityStatus } from '../../contract/reliability.ts';
import { judge, verdictOf } from './judge.ts';
import type { Fact, Facts } from './look.ts';
import { iso } from './processes.ts';

/** The status as it is answered, from facts of now. Pure. */
export function statusOf(
  facts: Facts,
  by: { readonly region: string; readonly instance: string },
  nowMs: number,
): ReliabilityStatus {
  const reasons = judge(facts, nowMs);
  return {
    at: iso(nowMs),
    region: by.region,
    answeredBy: by.instance,
    verdict: verdictOf(reasons),
    reasons: [...reasons],
    idempotency: told(facts.idempotency),
    unknownOutcomes: told(facts.unknownOutcomes),
    sweeper: told(facts.sweeper),
    deadLetters: told(facts.deadLetters),
    projection: told(facts.projection),
  };
}

function told<V extends object>(fact: Fact<V>) {
  const observedAt = iso(fact.atMs);
  return fact.state === 'known'
    ? { state: 'known' as const, observedAt, ...fact.value }
    : { state: 'unknown' as const, observedAt, reason: fact.reason };
}
