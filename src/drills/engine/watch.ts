import { setTimeout as delay } from 'node:timers/promises';
import type { Moments } from './drill.ts';

export interface MomentsWatch {
  readonly moments: () => Moments;
  stop(): Promise<void>;
}

/**
 * Looks every `intervalMs` until everything was seen to be led again, the deadline passes, or it is stopped. `look`
 * adds one look to what is known; one that fails is skipped.
 */
export function watchMoments(request: {
  readonly look: (known: Moments) => Promise<Moments>;
  readonly intervalMs: number;
  readonly deadlineMs: number;
}): MomentsWatch {
  const { look, intervalMs, deadlineMs } = request;
  let known: Moments = { detectedNs: null, electedNs: null };
  let stopped = false;
  const endsAtMs = performance.now() + deadlineMs;
  const watching = (async () => {
    while (!stopped && known.electedNs === null && performance.now() < endsAtMs) {
      known = await look(known).catch(() => known);
      await delay(intervalMs);
    }
  })();
  return {
    moments: () => known,
    stop: async () => {
      stopped = true;
      await watching;
    },
  };
}
