import { setTimeout as delay } from 'node:timers/promises';

/** A broker that was just woken learns within this that others lead now: it hears from the controller every two seconds. */
export const SECOND_LOOK_MS = 3000;

/**
 * Looks at partitions, and at those with which something is wrong once more after a pause. A
 * broker that slept (SIGSTOP, a suspended machine) answers for a moment from what it knew, with an end of the log that is too
 * low and without the newest epochs: what is found then must not stop a partition for good. `look` keeps what it saw, asks
 * the leaders anew each time, and answers the partitions that it would stop.
 */
export async function lookTwice(
  partitions: readonly number[],
  look: (partitions: readonly number[]) => Promise<readonly number[]>,
  { signal, pauseMs = SECOND_LOOK_MS }: { readonly signal: AbortSignal; readonly pauseMs?: number },
): Promise<void> {
  const wrong = await look(partitions);
  if (wrong.length === 0) return;
  await delay(pauseMs, undefined, { signal }).catch(() => undefined);
  if (!signal.aborted) await look(wrong);
}
