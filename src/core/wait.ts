import { setTimeout as delay } from 'node:timers/promises';
import { reasonOf, UpliftError } from './error.ts';

export interface WaitOptions {
  /** What is awaited, for the message: "broker 2 registered". */
  readonly what: string;
  readonly timeoutMs: number;
  readonly intervalMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Polls until `probe` gives a value (not undefined or false), or throws UPL-DEADLINE naming what was awaited and
 * the last thing seen. A probe that throws counts as "not yet".
 */
export async function waitFor<T>(
  probe: () => Promise<T | undefined | false>,
  options: WaitOptions,
): Promise<T> {
  const deadlineMs = performance.now() + options.timeoutMs;
  let last: unknown;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= deadlineMs) {
      const seen = last === undefined ? '' : `; last: ${reasonOf(last)}`;
      throw new UpliftError('UPL-DEADLINE', {
        message: `${options.what}: not within ${Math.round(options.timeoutMs)} ms${seen}`,
        cause: last,
      });
    }
    await delay(
      options.intervalMs ?? 100,
      undefined,
      options.signal === undefined ? {} : { signal: options.signal },
    );
  }
}

/** Rejects with `UPL-DEADLINE` when the promise takes longer; the timer never outlives it. */
export async function withDeadline<T>(what: string, timeoutMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new UpliftError('UPL-DEADLINE', { message: `${what}: not within ${Math.round(timeoutMs)} ms` }),
        ),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
