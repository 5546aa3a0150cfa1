import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { RETRY_MS, Retries } from './retry.ts';

/** Why the work of a role does not run at the moment; undefined while it runs. */
export interface Trouble {
  reason: string | undefined;
}

/**
 * Runs a session again and again until the signal: a session that fails is named in `trouble`, logged once per new
 * reason, and started again after a second (ten where Kafka refused us). It ends by itself only when the signal aborts it.
 */
export async function keepRunning(
  session: () => Promise<void>,
  context: { readonly signal: AbortSignal; readonly log: Logger; readonly trouble: Trouble },
): Promise<void> {
  const { signal, log, trouble } = context;
  const retries = new Retries();
  while (!signal.aborted) {
    let delayMs = RETRY_MS;
    try {
      await session();
    } catch (error) {
      const failed = retries.failed(error);
      trouble.reason = failed.reason;
      delayMs = failed.delayMs;
      if (failed.isNew) log.warn({ reason: failed.reason, retryMs: delayMs }, 'not ready, trying again');
    }
    if (!signal.aborted) await delay(delayMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
