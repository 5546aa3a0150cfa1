import { Counter, Gauge, type Registry } from 'prom-client';

/** What gateway and sweeper show of commands with an unknown outcome, and of the claims of idempotency keys. */
export interface UnknownMetrics {
  readonly kept: Counter;
  readonly notKept: Counter;
  readonly settled: Counter<'outcome'>;
  readonly produced: Counter<'result'>;
  readonly deadLetters: Counter<'code'>;
  readonly letterFailed: Counter;
  readonly open: Gauge;
  readonly oldestMs: Gauge;
  readonly fallbackClaims: Counter;
  readonly claimsDeleted: Counter;
}

export function createUnknownMetrics(registry: Registry): UnknownMetrics {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: L[] = []): Counter<L> =>
    new Counter({ name, help, labelNames, registers });
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
  return {
    kept: counter('uplift_unknown_kept_total', 'Commands of unknown outcome that were kept for the sweeper'),
    notKept: counter(
      'uplift_unknown_not_kept_total',
      'Commands of unknown outcome that could not be kept: only their client can send them again',
    ),
    settled: counter('uplift_unknown_settled_total', 'Unknown outcomes that found an end', ['outcome']),
    produced: counter('uplift_unknown_produced_total', 'Appends of the sweeper', ['result']),
    deadLetters: counter(
      'uplift_unknown_dead_letters_total',
      'Commands that the sweeper gave up: alert on any increase',
      ['code'],
    ),
    letterFailed: counter(
      'uplift_unknown_letter_failed_total',
      'Dead letters of given up commands that Kafka did not take yet',
    ),
    open: gauge('uplift_unknown_open', 'Unknown outcomes without an end'),
    oldestMs: gauge('uplift_unknown_oldest_ms', 'Age of the oldest of them, 0 when none'),
    fallbackClaims: counter(
      'uplift_claims_fallback_total',
      'Times an idempotency key was claimed or written in Postgres because Redis was away',
    ),
    claimsDeleted: counter('uplift_claims_deleted_total', 'Expired claims deleted from Postgres'),
  };
}
