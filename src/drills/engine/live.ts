import type { Live, LivePart, LivePlan } from '../../core/live.ts';
import type { Load } from '../../load/generator.ts';
import { usualBaselineMs } from './baseline.ts';
import {
  type Drill,
  type DrillOptions,
  type DrillPorts,
  type FaultWatch,
  type Prepared,
  RECOVERY_PARTS,
  type RecoveryPart,
} from './drill.ts';
import type { Recovery } from './judge.ts';
import { PART_NAMES } from './present.ts';

const SECOND_MS = 1000;
const LOOK_EVERY_MS = 250;
/** The p99 that is shown is the worst of so many seconds: one alone jumps about. */
const P99_SECONDS = 5;

/** Pure: what is told of a drill once its preflight has passed. `afterMs`: so long the load goes on after the restore. */
export function planOf(drill: Drill, options: DrillOptions, prepared: Prepared, afterMs: number): LivePlan {
  const { target, victim, fault, steps, expected } = prepared;
  return {
    kind: 'plan',
    drill: drill.id,
    region: options.region,
    environment: options.environment,
    target,
    victim: victim.text,
    fault,
    steps: steps.length,
    ratePerS: options.ratePerS,
    baselineMs: usualBaselineMs(options.baselineMs),
    afterMs,
    parts: RECOVERY_PARTS.flatMap((id): LivePart[] => {
      const expectation = expected[id];
      return expectation === undefined ? [] : [{ id, name: PART_NAMES[id], ...expectation }];
    }),
    recoveryTargetMs: options.recoveryTargetMs,
  };
}

type Told = Pick<Load, 'timeline' | 'stats' | 'nowUs'>;

/** Tells of the load once a second, each second once; answers how to stop. */
export function tellLoad(load: Told, live: Live | undefined): () => void {
  if (live === undefined) return () => undefined;
  let told = 0;
  return every(SECOND_MS, () => {
    const timeline = load.timeline();
    const { acknowledged, inFlight } = load.stats();
    const ageMs = Math.max(0, load.nowUs() / 1000 - timeline.length * SECOND_MS);
    const p99s = timeline.slice(-P99_SECONDS).flatMap(({ p99Ms }) => (p99Ms === null ? [] : [p99Ms]));
    const seconds = timeline
      .slice(told)
      .map(({ second, ok, fail, info }) => ({ second, ok, failing: fail + info }));
    told = Math.max(told, timeline.length);
    live({
      kind: 'load',
      acknowledged,
      inFlight,
      p99Ms: p99s.length === 0 ? null : Math.max(...p99s),
      ageMs,
      seconds,
    });
  });
}

/** Tells what is seen of the store, from the fault on until it is stopped. */
export function tellFault(
  { live, clock }: Pick<DrillPorts, 'live' | 'clock'>,
  run: {
    readonly watch: Pick<FaultWatch, 'leaders'>;
    readonly deadlineMs: number;
    /** What is seen of the recovery by now. */
    readonly recovery: (faultNs: bigint) => Recovery;
  },
): { begin(faultNs: bigint): void; stop(): void } {
  let stop = (): void => undefined;
  return {
    begin(faultNs) {
      if (live === undefined) return;
      stop = every(LOOK_EVERY_MS, () => {
        const sinceFaultMs = Number(clock.monoNs() - faultNs) / 1e6;
        const leftMs = Math.max(0, run.deadlineMs - sinceFaultMs);
        const parts = partsOf(run.recovery(faultNs));
        live({ kind: 'seen', sinceFaultMs, leftMs, parts, leaders: run.watch.leaders?.() });
      });
    },
    stop: () => stop(),
  };
}

function partsOf(seen: Recovery): Readonly<Partial<Record<RecoveryPart, number | null>>> {
  return {
    detect: seen.detectMs,
    elect: seen.electMs,
    reconnect: seen.reconnectMs,
    fresh: seen.freshMs ?? null,
    slo: seen.backInsideSloMs,
  };
}

/** Bounded by whoever stops it; it keeps no process alive, and a telling that fails fails nothing else. */
function every(ms: number, tell: () => void): () => void {
  const timer = setInterval(() => {
    try {
      tell();
    } catch {
      // It is told again the next time.
    }
  }, ms);
  timer.unref();
  return () => clearInterval(timer);
}
