import { setTimeout as delay } from 'node:timers/promises';

/** Watches the stop switch for as long as a drill could still begin to strike, or strikes. */
export interface StopWatch {
  /** Aborted once drills are stopped; its reason is what the run ends with where nothing was touched yet. */
  readonly signal: AbortSignal;
  /** Why, as a sentence without its end; undefined: they are not. */
  readonly why: () => string | undefined;
  /** Returns once it looks no more. */
  close(): Promise<void>;
}

const LOOK_EVERY_MS = 500;

/** `look`: why drills are stopped, or undefined. `reasonOf`: the error of a run that has touched nothing. */
export function watchStop(
  look: () => Promise<string | undefined>,
  reasonOf: (why: string) => Error,
  intervalMs = LOOK_EVERY_MS,
): StopWatch {
  const own = new AbortController();
  const closed = new AbortController();
  let why: string | undefined;
  const watching = (async () => {
    // Bounded by whoever opened it: the run closes it at its end.
    while (!closed.signal.aborted && why === undefined) {
      const found = await look();
      if (closed.signal.aborted) return;
      if (found !== undefined) {
        why = found;
        own.abort(reasonOf(found));
        return;
      }
      await delay(intervalMs, undefined, { signal: closed.signal }).catch(() => undefined);
    }
  })();
  return {
    signal: own.signal,
    why: () => why,
    async close() {
      closed.abort();
      await watching;
    },
  };
}

/** Nothing was touched yet: drills that are stopped end this one as a refusal. */
export async function unlessStopped<T>(
  stop: StopWatch | undefined,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (stop === undefined) return work(signal);
  try {
    return await work(AbortSignal.any([signal, stop.signal]));
  } catch (error) {
    throw stop.signal.aborted && !signal.aborted ? stop.signal.reason : error;
  }
}
