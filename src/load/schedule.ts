import type { UpliftError } from '../core/error.ts';

export interface ScheduleOptions {
  readonly ratePerS: number;
  readonly durationMs?: number;
  readonly startUs: number;
  readonly nowUs: () => number;
  /** Must return at once; called once for each index, in order, never before its time. */
  readonly issue: (index: number, dueUs: number) => void;
}

export interface Schedule {
  readonly ended: Promise<void>;
  /** Operations that were due until the end of the schedule, sent or not. */
  planned(): number;
  /** From start to the end of the schedule (so far, while it runs). */
  scheduledMs(): number;
  stop(): void;
  fail(error: UpliftError): void;
}

/** Operations issued in one go after a pause of the process; then the event loop gets its turn. */
const BURST = 1_000;

/** A fixed schedule: index i is due at start + i / rate. A late process catches up; nothing is dropped. */
export function startSchedule(options: ScheduleOptions): Schedule {
  const stepUs = 1_000_000 / options.ratePerS;
  const total =
    options.durationMs === undefined
      ? Number.POSITIVE_INFINITY
      : Math.round((options.durationMs * options.ratePerS) / 1000);
  const ended = Promise.withResolvers<void>();
  // Whoever waits for the end sees the failure; nobody has to.
  ended.promise.catch(() => undefined);
  let next = 0;
  let endUs: number | undefined;
  let timer: NodeJS.Timeout | undefined;

  const dueUs = (index: number): number => Math.round(options.startUs + index * stepUs);
  const finish = (): void => {
    endUs ??= Math.max(options.nowUs(), total === Number.POSITIVE_INFINITY ? 0 : dueUs(total));
    clearTimeout(timer);
    ended.resolve();
  };
  const tick = (): void => {
    if (endUs !== undefined) return;
    const nowUs = options.nowUs();
    for (
      let burst = 0;
      burst < BURST && next < total && dueUs(next) <= nowUs && endUs === undefined;
      burst += 1
    ) {
      const index = next;
      next += 1;
      options.issue(index, dueUs(index));
    }
    if (endUs !== undefined) return;
    const waitUs = (next < total ? dueUs(next) : dueUs(total)) - options.nowUs();
    if (next >= total && waitUs <= 0) finish();
    else timer = setTimeout(tick, Math.max(0, waitUs / 1000));
  };
  timer = setTimeout(tick, 0);

  return {
    ended: ended.promise,
    planned: () => next,
    scheduledMs: () => ((endUs ?? options.nowUs()) - options.startUs) / 1000,
    stop() {
      if (endUs !== undefined) return;
      endUs = options.nowUs();
      finish();
    },
    fail(error) {
      ended.reject(error);
      endUs ??= options.nowUs();
      clearTimeout(timer);
    },
  };
}
