import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../core/clock.ts';
import { reasonOf } from '../../core/error.ts';
import type { Step } from '../../core/step.ts';
import { formatMs } from '../../core/units.ts';
import { withDeadline } from '../../core/wait.ts';
import type { Load } from '../../load/generator.ts';
import { loadTrouble } from './abort.ts';
import type { DrillLimits, Prepared } from './drill.ts';
import type { StopWatch } from './stop-watch.ts';

/** `deviated`: the platform failed more than it may. Otherwise something else failed, and nothing can be said. */
export interface Abort {
  readonly why: string;
  readonly deviated: boolean;
}

/** Watches, from the beginning of the fault until the restore, what has to end a drill before its time. */
export interface Guard {
  /** Aborted when the drill has to end; `aborted` says why. */
  readonly signal: AbortSignal;
  readonly aborted: () => Abort | undefined;
  /** The fault strikes now. Called once. */
  begin(faultNs: bigint): void;
  /** The step that goes on; undefined: all are done. */
  at(step: Step | undefined): void;
  /** Throws nothing; nothing that it sees counts from now on. It does not wait for an answer that is on its way. */
  stop(): Promise<void>;
}

export interface Guarded {
  readonly clock: Pick<Clock, 'monoNs'>;
  readonly load: Pick<Load, 'atUs' | 'timeline'>;
  readonly limits: DrillLimits;
  readonly secondFailure: Prepared['secondFailure'];
  /** Whether the lock of the cluster is held still. */
  readonly held: () => boolean;
  /** Ends it at any moment, also before the fault; absent: nobody can. */
  readonly stop?: Pick<StopWatch, 'signal' | 'why'> | undefined;
  readonly intervalMs?: number;
  /** So long one look at what else fails may take. */
  readonly lookMs?: number;
}

const LOOK_EVERY_MS = 250;
/** One look that fails may be the look's own fault; two in a row are the store's. */
const SECOND_FAILURES = 2;
/** Every question in a look has a time-out of its own; this is for one that forgot it. */
const LOOK_MS = 30_000;
/** A lock is not held for a moment whenever somebody else asks for it, and comes back. */
const LOST_MS = 2000;

export function guard(guarded: Guarded): Guard {
  const own = new AbortController();
  const stop = new AbortController();
  const looks = [runLooker(guarded), storeLooker(guarded)];
  let aborted: Abort | undefined;
  let step: Step | undefined;
  let watching: Promise<unknown> = Promise.resolve();
  const end = (found: Abort): void => {
    aborted ??= found;
    own.abort(new Error(aborted.why));
  };
  const onStop = (): void => end({ why: guarded.stop?.why() ?? 'drills are stopped', deviated: false });
  if (guarded.stop?.signal.aborted === true) onStop();
  else guarded.stop?.signal.addEventListener('abort', onStop, { once: true });
  const stopped = new Promise<undefined>((resolve) => {
    stop.signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const watch = async (look: Look, faultNs: bigint): Promise<void> => {
    // Bounded by whoever began it: the steps and the observation have their deadlines, and `stop` ends it.
    while (!stop.signal.aborted && aborted === undefined) {
      const found = await Promise.race([look(faultNs, () => step), stopped]);
      if (stop.signal.aborted) return;
      if (found !== undefined) end(found);
      const intervalMs = guarded.intervalMs ?? LOOK_EVERY_MS;
      await delay(intervalMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  };
  return {
    signal: own.signal,
    aborted: () => aborted,
    begin: (faultNs) => {
      // Each kind of look by itself: a server that answers late keeps nobody from seeing that the load fails.
      watching = Promise.all(looks.map((look) => watch(look, faultNs)));
    },
    at: (now) => {
      step = now;
    },
    async stop() {
      stop.abort();
      guarded.stop?.signal.removeEventListener('abort', onStop);
      await watching;
    },
  };
}

type Look = (faultNs: bigint, step: () => Step | undefined) => Promise<Abort | undefined>;

/** Looks at what this process knows: the load, the lock, the time. What only counts when it lasts is kept between looks. */
function runLooker({ clock, load, limits, held }: Guarded): Look {
  let heldNs: bigint | undefined;
  const msSince = (fromNs: bigint): number => Number(clock.monoNs() - fromNs) / 1e6;
  return async (faultNs, step) => {
    const trouble = loadTrouble(load.timeline(), load.atUs(faultNs), limits);
    if (trouble !== undefined) return { why: trouble, deviated: true };
    if (heldNs === undefined || held()) heldNs = clock.monoNs();
    // With the steps done nothing more is broken: neither the lock nor their time stops anything then.
    if (step() === undefined) return undefined;
    if (msSince(heldNs) >= LOST_MS) return { why: 'the lock of the cluster was lost', deviated: false };
    const why = `the steps of the fault took longer than ${formatMs(limits.maxFaultMs)}`;
    return msSince(faultNs) > limits.maxFaultMs ? { why, deviated: false } : undefined;
  };
}

/** Asks the store what else fails, one question after the other: one that gets no answer counts, and is not asked twice at once. */
function storeLooker({ secondFailure, lookMs = LOOK_MS }: Guarded): Look {
  let failedLooks = 0;
  let asked: Promise<string | undefined> | undefined;
  return async (_faultNs, step) => {
    asked ??= secondFailure(step()).finally(() => {
      asked = undefined;
    });
    const second = await withDeadline('a look at what else fails', lookMs, asked).catch(
      (error: unknown) => `it cannot be watched: ${reasonOf(error)}`,
    );
    failedLooks = second === undefined ? 0 : failedLooks + 1;
    return second === undefined || failedLooks < SECOND_FAILURES
      ? undefined
      : { why: second, deviated: false };
  };
}
