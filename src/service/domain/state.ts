import { resourceKey } from '../../contract/ids.ts';
import type { Decision } from '../../contract/records.ts';
import { REMEMBER_MS } from './rules.ts';
import { add, emptyTimeline, type Timeline } from './timeline.ts';

/** What the first decision of an event id was; a repeated command answers it again. */
export interface First {
  readonly commandOffset: string;
  readonly decision: 'accepted' | 'rejected' | 'expired';
  readonly logTimeMs: number;
  readonly reservation: Decision['reservation'];
}

/** Everything that decides the next command of one partition. Built by `apply` alone (S1). */
export interface FoldState {
  /** -1 before the first command. */
  lastCommandOffset: bigint;
  /** Running maximum of the broker's timestamps (S8). */
  logTimeMs: number;
  readonly firsts: Map<string, First>;
  /** Event ids in the order they were first decided; those before `forgotten` are gone from `firsts`. */
  readonly order: string[];
  forgotten: number;
  readonly taken: Map<string, Timeline>;
}

const COMPACT_AT = 4096;

export function emptyState(): FoldState {
  return {
    lastCommandOffset: -1n,
    logTimeMs: 0,
    firsts: new Map(),
    order: [],
    forgotten: 0,
    taken: new Map(),
  };
}

/** How a decision stands to a state: the next one, one that was applied already, or one with something missing before it. */
export function chain(state: FoldState, decision: Decision): 'next' | 'repeat' | 'gap' {
  if (BigInt(decision.commandOffset) <= state.lastCommandOffset) return 'repeat';
  return BigInt(decision.previousCommandOffset) === state.lastCommandOffset ? 'next' : 'gap';
}

/** Advances the state by its next decision, in place, and returns it. Deterministic: no clock, no ids, no I/O. */
export function apply(state: FoldState, decision: Decision): FoldState {
  state.lastCommandOffset = BigInt(decision.commandOffset);
  state.logTimeMs = Math.max(state.logTimeMs, decision.logTimeMs);
  forget(state);
  const { decision: kind, eventId } = decision;
  if (eventId === null || kind === 'repeated' || kind === 'unparseable') return state;
  const { commandOffset, reservation } = decision;
  state.firsts.set(eventId, { commandOffset, decision: kind, logTimeMs: state.logTimeMs, reservation });
  state.order.push(eventId);
  if (kind === 'accepted' && reservation !== null) take(state, reservation);
  return state;
}

function take(state: FoldState, reservation: NonNullable<Decision['reservation']>): void {
  const key = resourceKey(reservation.tenant, reservation.resource);
  let timeline = state.taken.get(key);
  if (timeline === undefined) {
    timeline = emptyTimeline();
    state.taken.set(key, timeline);
  }
  add(timeline, Date.parse(reservation.slot.start), Date.parse(reservation.slot.end), reservation.quantity);
}

/** Drops first decisions older than REMEMBER_MS by log time: log time only rises, so they stand in order. */
function forget(state: FoldState): void {
  const oldest = state.logTimeMs - REMEMBER_MS;
  for (;;) {
    const eventId = state.order[state.forgotten];
    const first = eventId === undefined ? undefined : state.firsts.get(eventId);
    if (eventId === undefined || first === undefined || first.logTimeMs >= oldest) break;
    state.firsts.delete(eventId);
    state.forgotten += 1;
  }
  if (state.forgotten < COMPACT_AT || state.forgotten * 2 < state.order.length) return;
  state.order.splice(0, state.forgotten);
  state.forgotten = 0;
}
