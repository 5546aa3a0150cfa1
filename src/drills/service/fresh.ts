import { setTimeout as delay } from 'node:timers/promises';
import type { Read } from '../../clients/kafka/ports.ts';
import { TOPICS } from '../../contract/records.ts';
import { watchCatchUp } from '../../facts/projection/progress.ts';
import type { StepEvent } from '../../steps/engine.ts';
import type { FaultWatch, Moments } from '../engine/drill.ts';
import type { NamedServer } from '../reads/gather.ts';
import { startProcessStep } from '../steps/service/index.ts';

const LOOK_EVERY_MS = 250;

export interface FreshRequest {
  readonly monoNs: () => bigint;
  readonly read: Read;
  /** All of them: reads come from replicas, and are fresh when each has what the log has. */
  readonly servers: readonly NamedServer[];
  readonly timeoutMs: number;
  readonly deadlineMs: number;
}

/** When the process was started again, and when every server had passed the ends that the events had after that. */
export function watchFresh(request: FreshRequest): FaultWatch {
  const stop = new AbortController();
  let known: Moments = { detectedNs: null, electedNs: null, freshNs: null };
  let watching: Promise<void> = Promise.resolve();
  return {
    moments: () => known,
    settled: () => known.freshNs !== null,
    onStep({ state, step }: StepEvent) {
      if (step.kind !== startProcessStep.kind) return;
      if (state === 'begun') known = { ...known, detectedNs: request.monoNs() };
      if (state !== 'done') return;
      watching = untilFresh(request, stop.signal).then((freshNs) => {
        known = { ...known, freshNs };
      });
    },
    async stop() {
      stop.abort();
      await watching;
    },
  };
}

/** Null: not within the deadline, or stopped. */
async function untilFresh(request: FreshRequest, signal: AbortSignal): Promise<bigint | null> {
  const endsAtMs = performance.now() + request.deadlineMs;
  while (!signal.aborted && performance.now() < endsAtMs) {
    const fresh = await isFresh(request, endsAtMs - performance.now(), signal).catch(() => false);
    if (fresh) return request.monoNs();
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
  return null;
}

/** Has every server passed the ends that the events have now? */
export async function isFresh(
  { read, servers, timeoutMs }: Pick<FreshRequest, 'read' | 'servers' | 'timeoutMs'>,
  limitMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const ends = await read.bounds([TOPICS.events], { timeoutMs });
  if (ends.length === 0) return false;
  const looks = await Promise.all(
    servers.map(({ ask }) => watchCatchUp({ ask, ends, limitMs, timeoutMs, signal })),
  );
  return looks.every(({ caughtUpInMs }) => caughtUpInMs !== null);
}
