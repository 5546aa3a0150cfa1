import { setTimeout as delay } from 'node:timers/promises';
import { operationSchema, tenantHeader } from '../contract/http.ts';
import { jsonOf } from './classify.ts';
import { gatewayFor, type RunContext } from './run-context.ts';
import type { PlannedOperation } from './workload.ts';

/** Ids of reservations that later operations are about, learnt from the operations that made them. */
export interface KnownReservations {
  /** Asks what became of an acknowledged create that later operations are about. Returns at once, never throws. */
  learn(planned: PlannedOperation, index: number): void;
  /** The id that a planned operation is about, when it is known to exist; forgets it after its last use. */
  take(planned: PlannedOperation): string | undefined;
  /** Ends what is being asked, and waits for it. */
  close(): Promise<void>;
}

/** When it is asked for, as parts of the shortest time until the first follow-up; a decision is mostly there at the first. */
const LOOKS = [0.2, 0.5, 0.9] as const;
const LOOK_MS = 5_000;
const IDS_PER_IN_FLIGHT = 2;

/**
 * Only what was acknowledged and then accepted is ever known: nothing is asked of a reservation whose create has an
 * unknown outcome. These looks are not part of the history; what they found is, in the operations that use it.
 */
export function openKnown(context: RunContext): KnownReservations {
  const ids = new Map<number, string>();
  const abort = new AbortController();
  const asking = new Set<Promise<void>>();
  const remember = (index: number, id: string): void => {
    ids.set(index, id);
    // One that became known after its last use would stay; there are never so many that wait for theirs.
    const [oldest] = ids.keys();
    if (ids.size > context.maxInFlight * IDS_PER_IN_FLIGHT && oldest !== undefined) ids.delete(oldest);
  };
  const ask = async ({ eventId }: PlannedOperation, index: number): Promise<void> => {
    const firstMs = context.followUpAfterS.from * 1000;
    let soFarMs = 0;
    for (const [look, part] of LOOKS.entries()) {
      await delay(firstMs * part - soFarMs, undefined, { signal: abort.signal }).catch(() => undefined);
      soFarMs = firstMs * part;
      if (abort.signal.aborted) return;
      const found = await reservationOf(context, eventId, { turn: index + look, signal: abort.signal });
      if (found === undefined) continue;
      if (found !== null) remember(index, found);
      return;
    }
  };
  return {
    learn(planned, index) {
      if (!planned.followed || abort.signal.aborted || asking.size >= context.maxInFlight) return;
      const asked = ask(planned, index).finally(() => asking.delete(asked));
      asking.add(asked);
    },
    take({ followUp }) {
      if (followUp === null) return undefined;
      const id = ids.get(followUp.of);
      if (followUp.last) ids.delete(followUp.of);
      return id;
    },
    async close() {
      abort.abort();
      await Promise.all(asking);
    },
  };
}

/** Undefined: not decided yet, or no answer; null: there is none. */
async function reservationOf(
  context: RunContext,
  eventId: string,
  { turn, signal }: { readonly turn: number; readonly signal: AbortSignal },
): Promise<string | null | undefined> {
  const gateway = gatewayFor(context, turn);
  const result = await context.http.request({
    origin: gateway.origin,
    method: 'GET',
    path: `${gateway.prefix}/v1/operations/${eventId}`,
    headers: { [tenantHeader]: context.tenant },
    timeoutMs: Math.min(LOOK_MS, context.attemptTimeoutMs),
    signal,
  });
  if (result.kind !== 'answer' || result.status !== 200) return undefined;
  const parsed = operationSchema.safeParse(jsonOf(result.body));
  if (!parsed.success || parsed.data.operationId !== eventId) return undefined;
  return parsed.data.decision === 'accepted' ? parsed.data.reservationId : null;
}
