import { setTimeout as delay } from 'node:timers/promises';
import { consistencyHeader, operationSchema, reservationSchema, tenantHeader } from '../contract/http.ts';
import { jsonOf } from './classify.ts';
import type { ReadEntry } from './entries.ts';
import { type Gateway, gatewayFor, type RunContext } from './run-context.ts';

/** Pauses before each look at an operation that is not visible yet; about 6 s in all. */
const LOOKS_MS = [0, 50, 150, 400, 1_000, 2_000, 2_500] as const;

/**
 * Reads an acknowledged operation back until its decision is visible (bounded), then once more through the next
 * gateway, and the reservation if it was accepted. Every look is written down: from them the checker tells how late a
 * write became visible and whether anything went back. The last look shows the token of the acknowledgement: whatever
 * server answers must be at least so far, and one that says it is not has given no answer.
 */
export async function readBack(
  context: RunContext,
  { eventId, token }: { readonly eventId: string; readonly token: string | null },
  turn: number,
): Promise<void> {
  for (const [look, pauseMs] of LOOKS_MS.entries()) {
    if (pauseMs > 0) await delay(pauseMs, undefined, { signal: context.abort.signal }).catch(() => undefined);
    if (context.abort.signal.aborted) return;
    const seen = await readOperation(context, { eventId, token: null }, gatewayFor(context, turn + look));
    if (seen === 'notFound' || seen === 'noAnswer') continue;
    const other = gatewayFor(context, turn + look + 1);
    await readOperation(context, { eventId, token }, other);
    return;
  }
}

async function readOperation(
  context: RunContext,
  { eventId, token }: { readonly eventId: string; readonly token: string | null },
  gateway: Gateway,
): Promise<string> {
  const path = `/v1/operations/${eventId}`;
  let reservationId: string | null = null;
  const seen = await look(context, { eventId, token, what: 'operation', gateway, path }, (body) => {
    const parsed = operationSchema.safeParse(body);
    if (!parsed.success || parsed.data.operationId !== eventId) return 'noAnswer';
    reservationId = parsed.data.decision === 'accepted' ? parsed.data.reservationId : null;
    return parsed.data.decision;
  });
  if (reservationId !== null) {
    await look(
      context,
      { eventId, token, what: 'reservation', gateway, path: `/v1/reservations/${reservationId}` },
      (body) => (reservationSchema.safeParse(body).success ? 'found' : 'noAnswer'),
    );
  }
  return seen;
}

interface Look {
  readonly eventId: string;
  /** Null: as it happens to be there. */
  readonly token: string | null;
  readonly what: ReadEntry['what'];
  readonly gateway: Gateway;
  readonly path: string;
}

async function look(context: RunContext, options: Look, seenIn: (body: unknown) => string): Promise<string> {
  const sentUs = context.nowUs();
  const result = await context.http.request({
    origin: options.gateway.origin,
    method: 'GET',
    path: `${options.gateway.prefix}${options.path}`,
    headers: {
      [tenantHeader]: context.tenant,
      ...(options.token === null ? {} : { [consistencyHeader]: options.token }),
    },
    timeoutMs: Math.min(5_000, context.attemptTimeoutMs),
    signal: context.abort.signal,
  });
  let seen = 'noAnswer';
  if (result.kind === 'answer' && result.status === 200) seen = seenIn(jsonOf(result.body));
  else if (result.kind === 'answer' && result.status === 404) seen = 'notFound';
  const entry: ReadEntry = {
    t: 'read',
    event: options.eventId,
    what: options.what,
    gateway: options.gateway.id,
    sentUs,
    atUs: context.nowUs(),
    seen,
  };
  context.history.append(entry, () => context.tally.read(seen));
  return seen;
}
