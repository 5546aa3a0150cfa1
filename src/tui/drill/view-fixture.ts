import fc from 'fast-check';
import type { LivePart, LivePlan, LiveSeen } from '../../core/live.ts';
import { type DrillView, emptyView, foldView, type ViewEvent } from './model.ts';

export type Timed = readonly [atMs: number, event: ViewEvent];

const part = (id: string, name: string, expectedMs: number | null, by: string): LivePart => ({
  ...{ id, name, expectedMs, by },
});

export const KAFKA: LivePlan = {
  kind: 'plan',
  drill: 'kafka-broker-loss',
  region: 'local',
  environment: 'sandbox',
  target: 'Kafka cluster 5L6g3nShTkW',
  victim: 'broker 2 (az-b, leads 26 of 72 partitions)',
  fault: 'SIGKILL broker 2 (az-b, leads 26 of 72 partitions)',
  steps: 2,
  ratePerS: 200,
  baselineMs: 14_000,
  afterMs: 4000,
  parts: [
    part('detect', 'detect', 3000, 'broker.session.timeout.ms 3000'),
    part('elect', 'elect', null, 'leaders from the ISR, seen every 100 ms'),
    part('reconnect', 'reconnect', 31_000, 'producer metadataMaxAge 1000, requestTimeout 30000'),
    part('slo', 'back inside SLO', null, 'p99, errors and rate for 3 s, against the baseline'),
    part('restored', 'restored', null, 'broker runs again, ISR full, preferred leaders'),
  ],
  recoveryTargetMs: 30_000,
};

export const POSTGRES: LivePlan = {
  kind: 'plan',
  drill: 'postgres-switchover',
  region: 'local',
  environment: 'sandbox',
  target: 'Postgres postgres-1, postgres-2, postgres-3',
  victim: 'postgres-1 (primary, ANY 1 of 2 synchronous)',
  fault: 'switch from postgres-1 to postgres-2',
  steps: 7,
  ratePerS: 50,
  baselineMs: 6000,
  afterMs: 4000,
  parts: [
    part('elect', 'elect', null, 'hold, fence, promote'),
    part('slo', 'back inside SLO', null, 'p99, errors and rate for 3 s, against the baseline'),
    part('restored', 'restored', null, 'the same way back'),
  ],
  recoveryTargetMs: 30_000,
};

const second = (at: number, ok: number, failing = 0) => ({ second: at, ok, failing });
const seconds = (from: number, count: number, ok: number) =>
  Array.from({ length: count }, (_, at) => second(from + at, ok - (at % 3) * Math.ceil(ok / 20)));

const seen = (sinceFaultMs: number, parts: LiveSeen['parts'], text: string, waits: boolean): LiveSeen => ({
  kind: 'seen',
  sinceFaultMs,
  leftMs: 60_000 - sinceFaultMs,
  parts,
  leaders: { text, waits },
});

/** A broker that is killed: every event of a run that holds, with the moments at which a frame is looked at. */
export const BROKER_LOSS: readonly Timed[] = [
  [5000, KAFKA],
  [5000, { kind: 'line', phase: 'preflight', state: 'done', text: '34 checks pass' }],
  [5500, { kind: 'phase', phase: 'baseline', state: 'begun' }],
  [15_500, load(2000, 12, 18.2, seconds(0, 10, 200))],
  [19_500, load(2800, 14, 18.4, seconds(10, 4, 200))],
  [19_500, { kind: 'phase', phase: 'baseline', state: 'ended' }],
  [19_501, { kind: 'line', phase: 'baseline', state: 'done', text: '198 op/s · p99 18 ms · 0.0 % errors' }],
  [19_502, { kind: 'phase', phase: 'fault', state: 'begun' }],
  [19_510, { kind: 'step', state: 'begun', text: 'hold the topology of 3 brokers and 120 partitions' }],
  [19_700, { kind: 'step', state: 'begun', text: 'SIGKILL broker 2' }],
  [19_800, { kind: 'line', phase: 'inject', state: 'done', text: `${KAFKA.fault} at 14:03:11.204` }],
  [22_700, load(2903, 310, 2400, [second(14, 60), second(15, 0, 12), second(16, 3, 30)])],
  [
    22_750,
    seen(
      3050,
      { detect: 3014, elect: null, reconnect: null, slo: null },
      '17 of 26 partitions wait for another leader',
      true,
    ),
  ],
  [27_000, load(3600, 20, 900, [second(17, 160, 3), ...seconds(18, 4, 200)])],
  [
    27_100,
    seen(
      7400,
      { detect: 3014, elect: 210, reconnect: 190, slo: 4100 },
      'all 26 partitions have another leader',
      false,
    ),
  ],
  [
    27_200,
    {
      kind: 'line',
      phase: 'observe',
      state: 'done',
      text: 'leaders moved 3.2 s · writes again 3.4 s · inside SLO 4.1 s',
    },
  ],
  [27_201, { kind: 'phase', phase: 'fault', state: 'ended' }],
  [27_202, { kind: 'phase', phase: 'restore', state: 'begun' }],
  [27_203, { kind: 'step', state: 'undoing', text: 'SIGKILL broker 2' }],
  [32_000, { kind: 'line', phase: 'restore', state: 'running', text: 'broker 2 back' }],
  [33_700, { kind: 'phase', phase: 'restore', state: 'ended' }],
  [
    33_700,
    {
      kind: 'line',
      phase: 'restore',
      state: 'done',
      text: 'everything back after 6.5 s · 2 steps undone',
    },
  ],
  [33_701, { kind: 'phase', phase: 'after', state: 'begun' }],
  [37_701, { kind: 'phase', phase: 'after', state: 'ended' }],
  [38_000, { kind: 'line', phase: 'load', state: 'done', text: '5,912 acknowledged in 32.4 s · p99 890 ms' }],
  [38_001, { kind: 'line', phase: 'final reads', state: 'running', text: 'logs, Postgres servers, API' }],
  [
    41_000,
    {
      kind: 'line',
      phase: 'final reads',
      state: 'done',
      text: '48 partitions to their end · 3 Postgres servers',
    },
  ],
];

/** A switchover that is interrupted while its steps go on. */
export const INTERRUPTED: readonly Timed[] = [
  [3000, POSTGRES],
  [3000, { kind: 'line', phase: 'preflight', state: 'done', text: '41 checks pass' }],
  [3100, { kind: 'phase', phase: 'baseline', state: 'begun' }],
  [8000, load(200, 3, 25, seconds(0, 5, 50))],
  [9100, { kind: 'phase', phase: 'baseline', state: 'ended' }],
  [9101, { kind: 'line', phase: 'baseline', state: 'done', text: '50 op/s · p99 25 ms · 0.0 % errors' }],
  [9102, { kind: 'phase', phase: 'fault', state: 'begun' }],
  [9200, { kind: 'step', state: 'begun', text: 'CHECKPOINT on postgres-1' }],
  [9300, { kind: 'step', state: 'begun', text: 'hold the clients of uplift' }],
  [9350, seen(50, { elect: null, slo: null }, 'nobody leads since: stop and fence postgres-1', true)],
  [9400, { kind: 'note', text: 'Warning: something that somebody wanted to print\n' }],
  [9500, { kind: 'asked', reason: 'SIGINT' }],
  [9600, { kind: 'phase', phase: 'fault', state: 'ended' }],
  [9601, { kind: 'phase', phase: 'restore', state: 'begun' }],
  [9602, { kind: 'step', state: 'undoing', text: 'stop and fence postgres-1' }],
  [9700, { kind: 'note', text: 'Still stopping and putting things back.\n' }],
];

function load(
  acknowledged: number,
  inFlight: number,
  p99Ms: number,
  told: ReturnType<typeof seconds>,
): ViewEvent {
  return { kind: 'load', acknowledged, inFlight, p99Ms, ageMs: inFlight > 300 ? 3400 : 400, seconds: told };
}

/** The view after all events until a moment. */
export function viewAt(events: readonly Timed[], drill: string, untilMs: number): DrillView {
  return events
    .filter(([atMs]) => atMs <= untilMs)
    .reduce((view, [atMs, event]) => foldView(view, event, atMs), emptyView(drill, 0));
}

const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.constant('– · ≤ …\n\u001b[2J\t✔'));
const ms = fc.integer({ min: -1000, max: 200_000 });
const maybeMs = fc.option(ms);
const phase = fc.constantFrom('baseline', 'fault', 'restore', 'after');

/** Any event, whatever came before it. */
export const anyEvent: fc.Arbitrary<ViewEvent> = fc.oneof(
  fc.constantFrom<ViewEvent>(KAFKA, POSTGRES),
  fc.record({ kind: fc.constant('phase'), phase, state: fc.constantFrom('begun', 'ended') }),
  fc.record({ kind: fc.constant('step'), state: fc.constantFrom('begun', 'undoing'), text }),
  fc.record({ kind: fc.constant('note'), text }),
  fc.record({ kind: fc.constant('asked'), reason: fc.constantFrom('SIGINT', 'SIGTERM') }),
  fc.record({
    kind: fc.constant('line'),
    phase: fc.constantFrom(
      'preflight',
      'baseline',
      'inject',
      'observe',
      'restore',
      'load',
      'final reads',
      'x',
    ),
    state: fc.constantFrom('running', 'done', 'failed'),
    text,
  }),
  fc.record({
    kind: fc.constant('load'),
    acknowledged: fc.nat(),
    inFlight: fc.nat(),
    p99Ms: maybeMs,
    ageMs: ms,
    seconds: fc.array(fc.record({ second: fc.nat(300), ok: fc.nat(5000), failing: fc.nat(50) }), {
      maxLength: 70,
    }),
  }),
  fc.record({
    kind: fc.constant('seen'),
    sinceFaultMs: ms,
    leftMs: ms,
    parts: fc.dictionary(fc.constantFrom('detect', 'elect', 'slo', 'x'), maybeMs),
    leaders: fc.option(fc.record({ text, waits: fc.boolean() }), { nil: undefined }),
  }),
) as fc.Arbitrary<ViewEvent>;
