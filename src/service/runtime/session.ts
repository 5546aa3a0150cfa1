import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { reasonOf } from '../../core/error.ts';

const RETRY_MS = 1000;

/** Why the work of a role does not run at the moment; undefined while it runs. */
export interface Trouble {
  reason: string | undefined;
}

/**
 * Runs a session again and again until the signal: a session that fails is named in `trouble`, logged once per new
 * reason, and started again after a second. It ends by itself only when the signal aborts it.
 */
export async function keepRunning(
  session: () => Promise<void>,
  context: { readonly signal: AbortSignal; readonly log: Logger; readonly trouble: Trouble },
): Promise<void> {
  const { signal, log, trouble } = context;
  let logged: string | undefined;
  while (!signal.aborted) {
    try {
      await session();
    } catch (error) {
      trouble.reason = reasonOf(error);
      if (trouble.reason !== logged)
        log.warn({ reason: trouble.reason }, 'not ready, trying again every second');
      logged = trouble.reason;
    }
    if (!signal.aborted) await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
