import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Names and meaning of what `/metrics` shows; each process has its own registry. */
export interface Metrics {
  readonly registry: Registry;
  readonly acknowledged: Counter;
  readonly unknown: Counter;
  readonly refused: Counter<'reason'>;
  readonly replayed: Counter;
  readonly claimPutFailed: Counter;
  readonly bloomLooks: Counter<'outcome'>;
  readonly rateLimited: Counter;
  readonly rateLimitSkipped: Counter;
  readonly reads: Counter<'source'>;
  readonly readsBehind: Counter;
  readonly decisionLookFailed: Counter;
  readonly unreadableRows: Counter;
  readonly requestDuration: Histogram<'method' | 'route' | 'status'>;
  readonly decided: Counter<'decision' | 'command'>;
  readonly decideDuration: Histogram;
  readonly decisionSendFailed: Counter;
  readonly decisionDiffers: Counter;
  readonly tickFailed: Counter;
  readonly snapshotsWritten: Counter;
  readonly snapshotsFailed: Counter;
  readonly snapshotsMissing: Gauge;
  readonly snapshotAge: Gauge;
  readonly restoreDuration: Gauge;
  readonly projected: Counter<'decision'>;
  readonly projectionDuration: Histogram;
  readonly projectionRows: Counter<'table'>;
  readonly projectionRepeated: Counter;
  readonly projectionConflicts: Counter;
  readonly deadLetters: Counter<'code'>;
  readonly replaysApplied: Counter<'outcome'>;
  readonly projectionLagMs: Gauge;
  readonly projectionLagRecords: Gauge;
  readonly idempotencyCrossed: Counter;
  readonly positionCommitFailed: Counter;
}

const BUCKETS_S = [0.0005, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10];

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: L[] = []): Counter<L> =>
    new Counter({ name, help, labelNames, registers });
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
  const histogram = (name: string, help: string): Histogram =>
    new Histogram({ name, help, buckets: BUCKETS_S, registers });
  /** NaN until somebody knows: 0 would be good news. */
  const unknown = (name: string, help: string): Gauge => {
    const made = gauge(name, help);
    made.set(Number.NaN);
    return made;
  };
  new Gauge({
    name: 'uplift_heap_used_bytes',
    help: 'V8 heap in use',
    registers,
    collect() {
      this.set(process.memoryUsage().heapUsed);
    },
  });
  return {
    registry,
    acknowledged: counter('uplift_acknowledged_total', 'Commands answered 202: on all in-sync replicas'),
    unknown: counter('uplift_unknown_total', 'Commands whose outcome was unknown when they were answered'),
    refused: counter('uplift_refused_total', 'Commands refused before anything was sent', ['reason']),
    replayed: counter('uplift_replayed_total', 'Repeated requests answered from the stored acknowledgement'),
    claimPutFailed: counter(
      'uplift_claim_put_failed_total',
      'Ends of attempts that could not be stored under their idempotency key',
    ),
    bloomLooks: counter(
      'uplift_bloom_looks_total',
      'Reads of a reservation by what the Bloom filter said; only absent spares Postgres',
      ['outcome'],
    ),
    rateLimited: counter(
      'uplift_rate_limited_total',
      'Requests answered 429: the quota of their tenant was used up',
    ),
    rateLimitSkipped: counter(
      'uplift_rate_limit_skipped_total',
      'Requests that were not limited because Redis did not answer',
    ),
    reads: counter('uplift_reads_total', 'Reads of the projection by the server that answered', ['source']),
    readsBehind: counter(
      'uplift_reads_behind_total',
      'Reads answered 503: the projection had not got to their token',
    ),
    decisionLookFailed: counter(
      'uplift_decision_look_failed_total',
      'Looks for decisions that are waited for which Postgres did not answer',
    ),
    unreadableRows: counter(
      'uplift_unreadable_rows_total',
      'Answers that a row of the projection made impossible: this version cannot read it',
    ),
    requestDuration: new Histogram({
      name: 'uplift_request_duration_seconds',
      help: 'Time to answer a request, by route template and class of status',
      labelNames: ['method', 'route', 'status'],
      buckets: BUCKETS_S,
      registers,
    }),
    decided: counter('uplift_decided_total', 'Decisions acknowledged by Kafka', ['decision', 'command']),
    decideDuration: histogram('uplift_decide_duration_seconds', 'Time to decide the commands of one batch'),
    decisionSendFailed: counter(
      'uplift_decision_send_failed_total',
      'Sends of decisions that failed for good: the partition restores',
    ),
    decisionDiffers: counter(
      'uplift_decision_differs_total',
      'Decisions in the log that differ from the own ones',
    ),
    tickFailed: counter('uplift_tick_failed_total', 'Ticks that could not be written: log time stood still'),
    snapshotsWritten: counter('uplift_snapshots_written_total', 'Snapshots whose manifest is in the log'),
    snapshotsFailed: counter(
      'uplift_snapshots_failed_total',
      'Snapshots that were not written to their end; the one before counts',
    ),
    snapshotsMissing: unknown(
      'uplift_snapshots_missing',
      'Owned partitions that decide and have no snapshot',
    ),
    snapshotAge: unknown(
      'uplift_snapshot_age_seconds',
      'Age of the oldest of the last snapshots of owned partitions; NaN when none has one',
    ),
    restoreDuration: unknown('uplift_restore_seconds', 'Time the last restore of all owned partitions took'),
    projected: counter('uplift_projected_total', 'Decisions applied to Postgres', ['decision']),
    projectionDuration: histogram(
      'uplift_projection_batch_duration_seconds',
      'Time to apply one gathered batch of events to Postgres, COMMIT included; its count is that of the batches',
    ),
    projectionRows: counter('uplift_projection_rows_total', 'Rows written to the projection', ['table']),
    projectionRepeated: counter(
      'uplift_projection_repeated_total',
      'Event records that repeat an applied decision',
    ),
    projectionConflicts: counter(
      'uplift_projection_conflicts_total',
      'Batches that were rolled back or read again',
    ),
    deadLetters: counter('uplift_dead_letters_total', 'Events put aside as dead letters', ['code']),
    replaysApplied: counter('uplift_replays_total', 'Replayed events met in the log', ['outcome']),
    projectionLagMs: gauge('uplift_projection_lag_ms', 'Age of the oldest event not applied, 0 when none'),
    projectionLagRecords: gauge('uplift_projection_lag_records', 'Events not applied'),
    positionCommitFailed: counter(
      'uplift_position_commit_failed_total',
      'Commits of positions for lag tools that failed; nothing depends on them',
    ),
    idempotencyCrossed: counter(
      'uplift_idempotency_crossed_total',
      'Idempotency keys that two stores granted, and event ids decided a second time',
    ),
  };
}
