import { setTimeout as delay } from 'node:timers/promises';
import { formatClock } from '../../core/units.ts';
import type { Load } from '../../load/generator.ts';
import type { Baseline } from '../../load/measure.ts';
import { runSteps } from '../../steps/engine.ts';
import { drillSteps } from '../steps.ts';
import type { DrillOptions, DrillPorts, FaultWatch, Moments, Prepared } from './drill.ts';
import { type Abort, type Guard, guard } from './guard.ts';
import type { Observation, Recovery } from './judge.ts';
import { tellFault } from './live.ts';
import { observationOf, observedText, recoveryOf } from './recovery.ts';
import { refusedFor, refusedWhileStopped } from './refuse.ts';
import type { StopWatch } from './stop-watch.ts';

/** What the fault did, on the machine's monotonic clock. */
export interface FaultTimes {
  readonly faultNs: bigint;
  readonly faultAtMs: number;
  readonly moments: Moments;
  /** As it was seen by the end of the observation, before anything was put back: the only recovery that counts. */
  readonly seen: Recovery;
  readonly observation: Observation;
  /** Why it was ended before its time; undefined: it was not. */
  readonly aborted: Abort | undefined;
}

interface Under {
  readonly prepared: Prepared;
  readonly load: Load;
  readonly baseline: Baseline;
  /** Whether the lock of the cluster is held still. */
  readonly held: () => boolean;
  readonly stop?: StopWatch | undefined;
}

/** After its target a recovery is watched for so long, to tell late from never. */
const BEYOND_TARGET_MS = 30_000;
const LOOK_EVERY_MS = 250;

/** Journals the undo, strikes, and watches until the platform is back inside its SLO, or has to be helped. */
export async function injectAndObserve(
  ports: DrillPorts,
  options: DrillOptions,
  run: Under,
): Promise<FaultTimes> {
  const { prepared } = run;
  // Leaders move by themselves: who was right at the preflight may be the wrong one now.
  const moved = await prepared.moved();
  if (moved !== undefined) throw refusedFor(moved, 'run it again');
  const deadlineMs = Math.min(options.recoveryTargetMs + BEYOND_TARGET_MS, options.limits.maxFaultMs);
  const watch = prepared.watch(deadlineMs);
  const { secondFailure } = prepared;
  const guarding = guard({ ...run, clock: ports.clock, limits: options.limits, secondFailure });
  const recovery = (faultNs: bigint): Recovery =>
    recoveryOf(run.load, run.baseline, { faultNs, moments: watch.moments() }, prepared.partitions);
  const telling = tellFault(ports, { watch, deadlineMs, recovery });
  const begin = (faultNs: bigint): void => {
    guarding.begin(faultNs);
    telling.begin(faultNs);
  };
  try {
    const faultNs = await strike(ports, prepared, watch, { ...guarding, begin });
    const faultAtMs = ports.clock.nowMs() - Number((ports.clock.monoNs() - faultNs) / 1_000_000n);
    const text = `${prepared.fault} at ${formatClock(faultAtMs)}`;
    ports.progress({ phase: 'inject', state: 'done', text });
    const look = (): Recovery => recovery(faultNs);
    const aborted = await observe(ports, { load: run.load, watch, guarding, faultNs, deadlineMs, look });
    const moments = watch.moments();
    const seen = look();
    const observation = observationOf(run.load, run.baseline, { faultNs, moments }, ports.clock.monoNs());
    const state = aborted === undefined ? 'done' : 'failed';
    const observed = aborted === undefined ? observedText(seen) : `${aborted.why}: ended`;
    ports.progress({ phase: 'observe', state, text: observed });
    return { faultNs, faultAtMs, moments, seen, observation, aborted };
  } finally {
    telling.stop();
    await Promise.all([guarding.stop(), watch.stop()]);
  }
}

/**
 * Runs the steps, as far as the guard lets them; the moment of the fault is when the step that makes it began (its
 * intent is on disk by then).
 */
async function strike(
  { clock, journal, context, signal }: DrillPorts,
  prepared: Prepared,
  watch: FaultWatch,
  guarding: Guard,
): Promise<bigint> {
  let faultNs: bigint | undefined;
  const fault = prepared.steps[prepared.faultAt];
  const steps = runSteps({
    registry: drillSteps,
    journal,
    context,
    steps: prepared.steps,
    signal: AbortSignal.any([signal, guarding.signal]),
    onEvent: (event) => {
      if (event.state === 'begun') guarding.at(event.step);
      if (event.state === 'begun' && event.step === fault) {
        faultNs = clock.monoNs();
        guarding.begin(faultNs);
      }
      watch.onStep?.(event);
    },
  });
  await steps.catch((error: unknown) => {
    // What the guard ended is a result, not an error.
    if (guarding.aborted() === undefined || signal.aborted) throw error;
  });
  guarding.at(undefined);
  const before = guarding.aborted();
  if (faultNs === undefined && before !== undefined) throw refusedWhileStopped(before.why);
  if (faultNs === undefined) throw new TypeError('the fault was not among the steps');
  return faultNs;
}

/** Until everything is seen back inside its SLO, the time is over (an observation, not an error), or the guard says that it must end now. */
async function observe(
  { clock, signal }: Pick<DrillPorts, 'clock' | 'signal'>,
  run: Pick<Under, 'load'> & {
    readonly watch: FaultWatch;
    readonly guarding: Guard;
    readonly faultNs: bigint;
    readonly deadlineMs: number;
    /** The recovery as it is seen by now. */
    readonly look: () => Recovery;
  },
): Promise<Abort | undefined> {
  const { load, watch, guarding, faultNs, deadlineMs, look } = run;
  const endsNs = faultNs + BigInt(Math.round(deadlineMs * 1e6));
  while (guarding.aborted() === undefined && clock.monoNs() < endsNs) {
    signal.throwIfAborted();
    // The load alone can look well while a partition that was struck takes no write: the restore would heal it unseen.
    if (look().backInsideSloMs !== null && (watch.settled?.() ?? true)) return undefined;
    await pause(load, signal);
  }
  return guarding.aborted();
}

async function pause(load: Load, signal: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const timer = delay(LOOK_EVERY_MS, undefined, { signal: AbortSignal.any([signal, stop.signal]) });
  try {
    await Promise.race([timer, load.ended]);
  } finally {
    stop.abort();
    await timer.catch(() => undefined);
  }
}
