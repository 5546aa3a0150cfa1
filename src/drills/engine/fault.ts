import { setTimeout as delay } from 'node:timers/promises';
import { formatClock, formatMs } from '../../core/units.ts';
import type { Load } from '../../load/generator.ts';
import {
  ackGap,
  type Baseline,
  backInsideSlo,
  countAcks,
  errorWindow,
  longestGap,
} from '../../load/measure.ts';
import { runSteps } from '../../steps/engine.ts';
import { drillSteps } from '../steps.ts';
import { sloOf } from './baseline.ts';
import type { DrillOptions, DrillPorts, FaultWatch, Moments, Prepared } from './drill.ts';
import { type Abort, type Guard, guard } from './guard.ts';
import type { Coverage, Recovery } from './judge.ts';
import { refusedFor, refusedWhileStopped } from './refuse.ts';
import type { Interruption } from './result.ts';
import type { StopWatch } from './stop-watch.ts';

/** What the fault did, on the machine's monotonic clock. */
export interface FaultTimes {
  readonly faultNs: bigint;
  readonly faultAtMs: number;
  readonly moments: Moments;
  /** As it was seen by the end of the observation. */
  readonly seen: Recovery;
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
  try {
    const faultNs = await strike(ports, prepared, watch, guarding);
    const faultAtMs = ports.clock.nowMs() - Number((ports.clock.monoNs() - faultNs) / 1_000_000n);
    const text = `${prepared.fault} at ${formatClock(faultAtMs)}`;
    ports.progress({ phase: 'inject', state: 'done', text });
    const aborted = await observe(ports, { ...run, watch, guarding, faultNs, deadlineMs });
    const moments = watch.moments();
    const seen = recoveryOf(run.load, run.baseline, { faultNs, moments }, prepared.partitions);
    const state = aborted === undefined ? 'done' : 'failed';
    const observed = aborted === undefined ? observedText(seen) : `${aborted.why}: ended`;
    ports.progress({ phase: 'observe', state, text: observed });
    return { faultNs, faultAtMs, moments, seen, aborted };
  } finally {
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

/** Until the SLO holds again, the time is over (an observation, not an error), or the guard says that it must end now. */
async function observe(
  { clock, signal }: Pick<DrillPorts, 'clock' | 'signal'>,
  run: Under & {
    readonly watch: FaultWatch;
    readonly guarding: Guard;
    readonly faultNs: bigint;
    readonly deadlineMs: number;
  },
): Promise<Abort | undefined> {
  const { load, baseline, watch, guarding, faultNs, deadlineMs } = run;
  const endsNs = faultNs + BigInt(Math.round(deadlineMs * 1e6));
  while (guarding.aborted() === undefined && clock.monoNs() < endsNs) {
    signal.throwIfAborted();
    const fromUs = load.atUs(watch.moments().struckNs ?? faultNs);
    const back = backInsideSlo(load.timeline(), fromUs, sloOf(baseline)).backUs !== null;
    if (back && (watch.settled?.() ?? true)) return undefined;
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

type Measured = Pick<Load, 'acks' | 'timeline' | 'atUs'>;
type Partitions = ReadonlySet<number> | undefined;

/** Pure over the load's measurements: the recovery split, each part in ms. */
export function recoveryOf(
  load: Measured,
  baseline: Baseline,
  { faultNs, moments }: Pick<FaultTimes, 'faultNs' | 'moments'>,
  partitions: Partitions,
): Recovery {
  const { detectedNs, electedNs, reconnectedNs, freshNs } = moments;
  const between = (from: bigint, to: bigint): number => Number(to - from) / 1e6;
  const fromNs = moments.struckNs ?? faultNs;
  const backIn = backInsideSlo(load.timeline(), load.atUs(fromNs), sloOf(baseline)).backInMs;
  const reconnect =
    electedNs === null || reconnectedNs === null
      ? null
      : reconnectedNs === undefined
        ? reconnectMs(load, electedNs, partitions ?? new Set())
        : between(electedNs, reconnectedNs);
  // The sum of all partitions can look well before the last one takes writes again, or if it never does: then it is not back.
  const writesAgainMs =
    electedNs === null
      ? reconnectedNs === null || partitions !== undefined
        ? null
        : 0
      : reconnect === null
        ? null
        : between(fromNs, electedNs) + reconnect;
  return {
    detectMs: detectedNs === null ? null : between(faultNs, detectedNs),
    // Where nobody had to notice anything (a planned handover), electing begins with the fault.
    electMs: electedNs === null ? null : between(detectedNs ?? fromNs, electedNs),
    reconnectMs: reconnect,
    ...(freshNs === undefined ? {} : { freshMs: freshNs === null ? null : between(faultNs, freshNs) }),
    backInsideSloMs: backIn === null || writesAgainMs === null ? null : Math.max(backIn, writesAgainMs),
  };
}

/** From the last election to the moment every struck partition had taken a write again; null when one never did. */
function reconnectMs(
  load: Pick<Load, 'acks' | 'atUs'>,
  electedNs: bigint,
  partitions: ReadonlySet<number>,
): number | null {
  const electedUs = load.atUs(electedNs);
  let latestUs = electedUs;
  for (const partition of partitions) {
    const { firstAfterUs } = ackGap(load.acks, electedUs, new Set([partition]));
    if (firstAfterUs === null) return null;
    latestUs = Math.max(latestUs, firstAfterUs);
  }
  return (latestUs - electedUs) / 1000;
}

function observedText(recovery: Recovery): string {
  const { detectMs, electMs, reconnectMs: reconnect, freshMs, backInsideSloMs } = recovery;
  const inside = backInsideSloMs === null ? 'not back inside SLO' : `inside SLO ${formatMs(backInsideSloMs)}`;
  if (freshMs !== undefined)
    return `${freshMs === null ? 'reads not fresh again' : `reads fresh ${formatMs(freshMs)}`} · ${inside}`;
  const movedMs = electMs === null ? null : (detectMs ?? 0) + electMs;
  const moved = movedMs === null ? 'leaders not seen to move' : `leaders moved ${formatMs(movedMs)}`;
  const writes =
    movedMs === null || reconnect === null
      ? 'no writes again'
      : `writes again ${formatMs(movedMs + reconnect)}`;
  return `${moved} · ${writes} · ${inside}`;
}

/** Pure: the three times that are told together. */
export function interruptionOf(
  load: Measured,
  { faultNs, endNs }: { readonly faultNs: bigint; readonly endNs: bigint },
  partitions: Partitions,
  recovery: Recovery,
): Interruption {
  const faultUs = load.atUs(faultNs);
  return {
    acknowledgementGapMs: longestGap(load.acks, faultUs, load.atUs(endNs), partitions).gapMs,
    errorWindowMs: errorWindow(load.timeline(), faultUs, { cleanSeconds: 3 })?.windowMs ?? null,
    backInsideSloMs: recovery.backInsideSloMs,
  };
}

/** Pure: how much was acknowledged where a loss would show. */
export function coverageOf(
  load: Pick<Load, 'acks' | 'atUs'>,
  faultNs: bigint,
  restoredNs: bigint,
  partitions: Partitions,
): Coverage {
  const faultUs = load.atUs(faultNs);
  return {
    acknowledgedInFaultWindow: countAcks(load.acks, faultUs, load.atUs(restoredNs)),
    acknowledgedJustBeforeOnVictim: countAcks(load.acks, faultUs - 1_000_000, faultUs, partitions),
  };
}
