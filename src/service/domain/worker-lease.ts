/**
 * Leases of Snowflake workers, as values. Two things keep the ids of two processes apart:
 * - the reserve: a grant reserves the times up to `ceilingMs` for its holder, durably, before the first id; whoever gets
 *   the worker next begins after it. This needs no clock to be right and holds for a process that slept for an hour
 *   between two instructions;
 * - the lease: a holder stops when its lease has run out by its own monotonic clock, counted from before it asked, and
 *   nobody else gets the worker until a quarantine has passed by the clock of the database.
 */
export interface LeaseTerms {
  /** Long on purpose: so long may the database be away before ids are refused. */
  readonly leaseMs: number;
  /** From the end of a lease that nobody gave back until the next one; longer than a lease and the clocks' differences. */
  readonly quarantineMs: number;
  /** How far ids may run ahead of the clock. */
  readonly aheadMs: number;
  /** A difference between the two clocks of the process, since the last question that was answered, that is no longer trusted. */
  readonly maxStepMs: number;
  readonly renewEveryMs: number;
  readonly retryMs: number;
}

const MAX_SKEW_MS = 30_000;

export function leaseTerms(leaseMs: number): LeaseTerms {
  return {
    leaseMs,
    quarantineMs: leaseMs + MAX_SKEW_MS,
    aheadMs: 5000,
    maxStepMs: 5000,
    renewEveryMs: Math.min(10_000, Math.floor(leaseMs / 3)),
    retryMs: 1000,
  };
}

/** Both clocks of a process: one never steps, one tells when the other stood still (a suspended machine). */
export interface Clocks {
  readonly monoMs: number;
  readonly wallMs: number;
}

/** What the database answered. All times are its own, epoch ms. */
export interface Grant {
  readonly worker: number;
  /** Ids of up to this time are somebody else's. */
  readonly floorMs: number;
  /** Ids of up to this time are reserved for this holder. */
  readonly ceilingMs: number;
  readonly nowMs: number;
}

export interface Held extends Grant {
  /** Before the question was sent: the lease cannot have begun earlier. */
  readonly asked: Clocks;
  readonly answered: Clocks;
}

export interface LeaseState {
  readonly held: Held | undefined;
  /** Why the last question brought nothing. */
  readonly trouble: string | undefined;
  readonly lastAskedMonoMs: number;
}

/** How a question ended. `taken`: the worker is somebody else's now. `unsure`: no answer, or none that is durable. */
export type Outcome =
  | { readonly kind: 'granted'; readonly grant: Grant; readonly asked: Clocks; readonly answered: Clocks }
  | { readonly kind: 'taken' | 'noneFree'; readonly asked: Clocks }
  | { readonly kind: 'unsure'; readonly reason: string; readonly asked: Clocks };

export const UNLEASED: LeaseState = { held: undefined, trouble: undefined, lastAskedMonoMs: -Infinity };

/** The state after an answer. Without an answer what is held stays held, for as long as it was granted. */
export function afterOutcome(state: LeaseState, outcome: Outcome): LeaseState {
  const lastAskedMonoMs = outcome.asked.monoMs;
  switch (outcome.kind) {
    case 'granted': {
      const { grant, asked, answered } = outcome;
      const floorMs = state.held?.worker === grant.worker ? state.held.floorMs : grant.floorMs;
      return { held: { ...grant, floorMs, asked, answered }, trouble: undefined, lastAskedMonoMs };
    }
    case 'taken':
      return { held: undefined, trouble: 'its worker id went to another process', lastAskedMonoMs };
    case 'noneFree':
      return { held: undefined, trouble: 'no worker id is free', lastAskedMonoMs };
    case 'unsure':
      return { held: state.held, trouble: outcome.reason, lastAskedMonoMs };
  }
}

export type Permit =
  | { readonly ok: true; readonly nowMs: number; readonly leftMs: number }
  | { readonly ok: false; readonly reason: string };

/**
 * May an id be issued at this moment? If so, `nowMs` is the time for it: the database's, carried on by the monotonic
 * clock. The wall clock only votes: where it has moved otherwise than the monotonic one, neither is believed until the
 * database has answered again.
 */
export function permitAt(state: LeaseState, at: Clocks, terms: LeaseTerms): Permit {
  const { held, trouble } = state;
  if (held === undefined) return { ok: false, reason: `no worker id: ${trouble ?? 'not asked yet'}` };
  const leftMs = held.asked.monoMs + terms.leaseMs - at.monoMs;
  if (leftMs <= 0) {
    return { ok: false, reason: `the lease of worker ${held.worker} ran out: ${trouble ?? 'not renewed'}` };
  }
  // From before the question: a machine may also be suspended while the answer is on its way.
  const stepMs = at.wallMs - held.asked.wallMs - (at.monoMs - held.asked.monoMs);
  if (Math.abs(stepMs) > terms.maxStepMs) {
    return { ok: false, reason: `the clock of this process stepped by ${Math.round(stepMs)} ms` };
  }
  return { ok: true, nowMs: held.nowMs + at.monoMs - held.answered.monoMs, leftMs };
}

/** What to ask the database now, if anything. */
export function nextQuestion(
  state: LeaseState,
  at: Clocks,
  terms: LeaseTerms,
): 'acquire' | 'renew' | undefined {
  const sinceMs = at.monoMs - state.lastAskedMonoMs;
  if (state.held === undefined) return sinceMs >= terms.retryMs ? 'acquire' : undefined;
  const healthy = state.trouble === undefined && permitAt(state, at, terms).ok;
  return sinceMs >= (healthy ? terms.renewEveryMs : terms.retryMs) ? 'renew' : undefined;
}
