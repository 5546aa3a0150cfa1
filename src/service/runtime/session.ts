import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Cluster, Read } from '../../clients/kafka/ports.ts';
import type { EventSchema } from '../../contract/events.ts';
import type { Tracing } from '../telemetry/spans.ts';
import type { Metrics } from './metrics.ts';
import { RETRY_MS, Retries } from './retry.ts';

/** What one life of a role that owns partitions works with. */
export interface OwnerDeps {
  readonly cluster: Cluster;
  readonly read: Read;
  /** Of events: written by the commands role, and the newest that a projector reads. */
  readonly eventSchema: EventSchema;
  readonly metrics: Metrics;
  /** Undefined: nothing is recorded. */
  readonly tracing?: Tracing | undefined;
  readonly log: Logger;
  readonly owned: readonly number[];
  readonly partitions: number;
  readonly signal: AbortSignal;
}

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
