import { setTimeout as delay } from 'node:timers/promises';
import { idempotencyHeader, tenantHeader } from '../contract/http.ts';
import { waitFor } from '../core/wait.ts';
import { type AskedOperation, askedOf } from './asked.ts';
import { type AttemptOutcome, classify } from './classify.ts';
import { type KnownReservations, openKnown } from './known.ts';
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
  const known: KnownReservations = openKnown(context);
  return {
    run(planned, index, dueUs) {
      const asked = askedOf(planned, known.take(planned));
      if (inFlight >= options.maxInFlight) {
        recordShortfall(context, asked, index, dueUs);
        return;
      }
      inFlight += 1;
      options.tally.started(options.nowUs() - dueUs);
      const acknowledged = (): void => {
        if (asked.reservation === null) known.learn(planned, index);
      };
      runOperation(context, { asked, index, dueUs, acknowledged }).finally(() => {
        inFlight -= 1;
      });
    },
    inFlight: () => inFlight,
    async drain(timeoutMs) {
      // No operation begins any more that could use what is still being asked.
      await known.close();
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

function recordShortfall(context: RunContext, asked: AskedOperation, index: number, dueUs: number): void {
  const op = invoke(context, asked, { attempt: 1, gateway: gatewayFor(context, index).id, dueUs });
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

function invoke(context: RunContext, asked: AskedOperation, plan: AttemptPlan): number {
  const op = context.nextOp();
  context.history.append({
    t: 'invoke',
    op,
    key: asked.idempotencyKey,
    event: asked.eventId,
    verb: asked.verb,
    reservation: asked.reservation,
    resource: asked.resource,
    partition: asked.partition,
    slot: asked.slot === null ? null : [...asked.slot],
    quantity: asked.quantity,
    attempt: plan.attempt,
    gateway: plan.gateway,
    dueUs: plan.dueUs,
    sentUs: context.nowUs(),
  });
  return op;
}

interface OneRun {
  readonly asked: AskedOperation;
  readonly index: number;
  readonly dueUs: number;
  readonly acknowledged: () => void;
}

async function runOperation(context: RunContext, run: OneRun): Promise<void> {
  const { asked, index, dueUs } = run;
  const deadlineUs = dueUs + context.operationDeadlineMs * 1000;
  let attemptDueUs = dueUs;
  let unknown = false;
  let waits = 0;
  // A wait takes its time, so the deadline bounds them.
  for (let attempt = 1; attempt - waits <= context.maxAttempts; attempt += 1) {
    const gateway = gatewayFor(context, index + attempt - 1);
    const op = invoke(context, asked, { attempt, gateway: gateway.id, dueUs: attemptDueUs });
    const timeoutMs = Math.max(1, Math.min(context.attemptTimeoutMs, (deadlineUs - context.nowUs()) / 1000));
    const outcome = classify(await send(context, asked, gateway, timeoutMs), asked.eventId);
    unknown ||= outcome.kind === 'info';
    if (outcome.running) waits += 1;
    const tries = attempt - waits;
    const pauseMs = outcome.running ? runningPauseMs(context) : backoffMs(context, tries);
    const again = outcome.retry && tries < context.maxAttempts && mayGoOn(context, deadlineUs, pauseMs);
    complete(context, asked, { op, outcome, dueUs, last: !again, unknown });
    if (outcome.kind === 'ok') {
      run.acknowledged();
      if (context.random() < context.readShare)
        await readBack(context, { eventId: asked.eventId, token: outcome.token }, index);
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

function send(context: RunContext, asked: AskedOperation, gateway: Gateway, timeoutMs: number) {
  const { method, path, body } = asked;
  return context.http.request({
    origin: gateway.origin,
    method,
    path: `${gateway.prefix}${path}`,
    headers: {
      [tenantHeader]: context.tenant,
      [idempotencyHeader]: asked.idempotencyKey,
      ...(body === null ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === null ? {} : { body: JSON.stringify(body) }),
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

function complete(context: RunContext, asked: AskedOperation, completed: Completed): void {
  const { op, outcome, last, unknown } = completed;
  const atUs = context.nowUs();
  const { kind, status, token, reason } = outcome;
  context.history.append({ t: kind, op, atUs, status, token, reason }, () => {
    if (kind === 'ok') context.tally.acknowledged(atUs, atUs - completed.dueUs, asked);
    else context.tally.failed(kind, atUs, reason ?? kind);
    if (kind !== 'ok' && last) context.tally.gaveUp(unknown);
  });
}
