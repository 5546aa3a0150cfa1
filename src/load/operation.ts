import { setTimeout as delay } from 'node:timers/promises';
import { idempotencyHeader, tenantHeader } from '../contract/http.ts';
import { waitFor } from '../core/wait.ts';
import { type AttemptOutcome, classify } from './classify.ts';
import { readBack } from './read-back.ts';
import { type Gateway, gatewayFor, gatewayOf, type RunContext, type RunnerOptions } from './run-context.ts';
import { type PlannedOperation, randomFrom } from './workload.ts';

export interface OperationRun {
  /** Runs one operation to its end, or writes it down as a shortfall when too much is in flight. Never throws. */
  run(planned: PlannedOperation, index: number, dueUs: number): void;
  inFlight(): number;
  /** Waits for what is in flight; after `timeoutMs` the rest is aborted and ends as unknown. */
  drain(timeoutMs: number): Promise<void>;
}

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 2_000;
const RUNNING_PAUSE_MS = 1_000;

/** Opens what runs single operations: attempts under one idempotency key, over all gateways in turn, each written down. */
export function openRunner(options: RunnerOptions): OperationRun {
  let ops = 0;
  let inFlight = 0;
  const context: RunContext = {
    ...options,
    targets: options.gateways.map(gatewayOf),
    abort: new AbortController(),
    random: randomFrom(options.seed ^ 0x5eed),
    nextOp: () => ops++,
  };
  return {
    run(planned, index, dueUs) {
      if (inFlight >= options.maxInFlight) {
        recordShortfall(context, planned, index, dueUs);
        return;
      }
      inFlight += 1;
      options.tally.started(options.nowUs() - dueUs);
      runOperation(context, planned, index, dueUs).finally(() => {
        inFlight -= 1;
      });
    },
    inFlight: () => inFlight,
    async drain(timeoutMs) {
      const empty = async (): Promise<boolean> => inFlight === 0;
      const drained = waitFor(empty, { what: 'operations in flight', timeoutMs, intervalMs: 20 });
      await drained.catch(async () => {
        context.abort.abort();
        // Whatever has no completion then stays open in the history, which means unknown.
        await waitFor(empty, { what: 'aborted operations', timeoutMs: 5_000, intervalMs: 20 }).catch(
          () => undefined,
        );
      });
    },
  };
}

function recordShortfall(context: RunContext, planned: PlannedOperation, index: number, dueUs: number): void {
  const op = invoke(context, planned, { attempt: 1, gateway: gatewayFor(context, index).id, dueUs });
  const atUs = context.nowUs();
  const reason = 'notSent (generator saturated)';
  context.history.append({ t: 'fail', op, atUs, status: null, token: null, reason }, () =>
    context.tally.shortfall(atUs, reason),
  );
}

interface AttemptPlan {
  readonly attempt: number;
  readonly gateway: string;
  readonly dueUs: number;
}

function invoke(context: RunContext, planned: PlannedOperation, plan: AttemptPlan): number {
  const op = context.nextOp();
  context.history.append({
    t: 'invoke',
    op,
    key: planned.idempotencyKey,
    event: planned.eventId,
    resource: planned.resource,
    partition: planned.partition,
    slot: [planned.slotStartMs, planned.slotEndMs],
    quantity: planned.quantity,
    attempt: plan.attempt,
    gateway: plan.gateway,
    dueUs: plan.dueUs,
    sentUs: context.nowUs(),
  });
  return op;
}

async function runOperation(
  context: RunContext,
  planned: PlannedOperation,
  index: number,
  dueUs: number,
): Promise<void> {
  const deadlineUs = dueUs + context.operationDeadlineMs * 1000;
  let attemptDueUs = dueUs;
  let unknown = false;
  let waits = 0;
  // A wait takes its time, so the deadline bounds them.
  for (let attempt = 1; attempt - waits <= context.maxAttempts; attempt += 1) {
    const gateway = gatewayFor(context, index + attempt - 1);
    const op = invoke(context, planned, { attempt, gateway: gateway.id, dueUs: attemptDueUs });
    const timeoutMs = Math.max(1, Math.min(context.attemptTimeoutMs, (deadlineUs - context.nowUs()) / 1000));
    const outcome = classify(await send(context, planned, gateway, timeoutMs), planned.eventId);
    unknown ||= outcome.kind === 'info';
    if (outcome.running) waits += 1;
    const tries = attempt - waits;
    const pauseMs = outcome.running ? runningPauseMs(context) : backoffMs(context, tries);
    const again = outcome.retry && tries < context.maxAttempts && mayGoOn(context, deadlineUs, pauseMs);
    complete(context, planned, { op, outcome, dueUs, last: !again, unknown });
    if (outcome.kind === 'ok') {
      if (context.random() < context.readShare) await readBack(context, planned.eventId, index);
      return;
    }
    if (!again) return;
    attemptDueUs = context.nowUs() + Math.round(pauseMs * 1000);
    await delay(pauseMs, undefined, { signal: context.abort.signal }).catch(() => undefined);
    if (context.abort.signal.aborted) {
      context.tally.gaveUp(unknown);
      return;
    }
  }
}

function mayGoOn(context: RunContext, deadlineUs: number, pauseMs: number): boolean {
  return !context.abort.signal.aborted && context.nowUs() + pauseMs * 1000 < deadlineUs;
}

/** Doubles from 100 ms, with jitter of ± 25 %, so that retries of one outage do not come back as one wave. */
function backoffMs(context: RunContext, attempt: number): number {
  return Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (attempt - 1)) * (0.75 + context.random() / 2);
}

/** What the service's Retry-After says, later rather than earlier. */
function runningPauseMs(context: RunContext): number {
  return RUNNING_PAUSE_MS * (1 + context.random() / 4);
}

function send(context: RunContext, planned: PlannedOperation, gateway: Gateway, timeoutMs: number) {
  return context.http.request({
    origin: gateway.origin,
    method: 'POST',
    path: `${gateway.prefix}/v1/reservations`,
    headers: {
      'content-type': 'application/json',
      [tenantHeader]: context.tenant,
      [idempotencyHeader]: planned.idempotencyKey,
    },
    body: JSON.stringify({
      resource: planned.resource,
      slot: {
        start: new Date(planned.slotStartMs).toISOString(),
        end: new Date(planned.slotEndMs).toISOString(),
      },
      quantity: planned.quantity,
    }),
    timeoutMs,
    signal: context.abort.signal,
  });
}

interface Completed {
  readonly op: number;
  readonly outcome: AttemptOutcome;
  /** Intended time of the operation: what its latency counts from, whichever attempt came through. */
  readonly dueUs: number;
  readonly last: boolean;
  /** Whether any attempt so far may have had its effect. */
  readonly unknown: boolean;
}

function complete(context: RunContext, planned: PlannedOperation, completed: Completed): void {
  const { op, outcome, last, unknown } = completed;
  const atUs = context.nowUs();
  const { kind, status, token, reason } = outcome;
  context.history.append({ t: kind, op, atUs, status, token, reason }, () => {
    if (kind === 'ok') context.tally.acknowledged(atUs, atUs - completed.dueUs, planned.partition);
    else context.tally.failed(kind, atUs, reason ?? kind);
    if (kind !== 'ok' && last) context.tally.gaveUp(unknown);
  });
}
