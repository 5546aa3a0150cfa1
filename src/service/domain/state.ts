import { resourceKey } from '../../contract/ids.ts';
import { type Decision, effectsOf, type ReservationState } from '../../contract/records.ts';
import { Firsts } from './firsts.ts';
import { Holds } from './holds.ts';
import { Live } from './live.ts';
import { FIRST_RULES, PAST_MS } from './rules.ts';
import { add, emptyTimeline, type Timeline } from './timeline.ts';

/**
 * Everything that decides the next command of one partition. Changed by `apply` and `advance` alone (S1). What is past
 * is dropped now and then to save memory; whether something counts never depends on whether it was dropped yet.
 */
export interface FoldState {
  /** Last command with a decision; -1 before the first. */
  lastCommandOffset: bigint;
  /** Running maximum of the broker's timestamps (S8). */
  logTimeMs: number;
  rulesVersion: number;
  readonly firsts: Firsts;
  /** Held and active ones by id. */
  readonly live: Live;
  readonly holds: Holds;
  /** What is taken, by resource key. */
  readonly taken: Map<string, Timeline>;
  /** Ids of live reservations by the hour in which their slot ends. */
  readonly byEndHour: Map<number, Set<string>>;
  /** The hour up to which `byEndHour` was looked through. */
  prunedHour: number;
}

const HOUR_MS = 3_600_000;

export function emptyState(): FoldState {
  return {
    lastCommandOffset: -1n,
    logTimeMs: 0,
    rulesVersion: FIRST_RULES,
    firsts: new Firsts(),
    live: new Live(),
    holds: new Holds(),
    taken: new Map(),
    byEndHour: new Map(),
    prunedHour: 0,
  };
}

/** How a decision stands to a state: the next one, one that was applied already, or one with something missing before it. */
export function chain(state: FoldState, decision: Decision): 'next' | 'repeat' | 'gap' {
  if (BigInt(decision.commandOffset) <= state.lastCommandOffset) return 'repeat';
  return BigInt(decision.previousCommandOffset) === state.lastCommandOffset ? 'next' : 'gap';
}

/** Advances the state by its next decision, in place, and returns it. Deterministic: no clock, no ids, no I/O. */
export function apply(state: FoldState, decision: Decision): FoldState {
  const { decision: kind, eventId, commandOffset, reservation } = decision;
  state.lastCommandOffset = BigInt(commandOffset);
  state.rulesVersion = decision.rulesVersion;
  advance(state, decision.logTimeMs);
  for (const effect of effectsOf(decision)) place(state, effect);
  if (eventId !== null && kind !== 'repeated' && kind !== 'unparseable')
    state.firsts.add(eventId, { commandOffset, decision: kind, logTimeMs: state.logTimeMs, reservation });
  return state;
}

/** Log time reached this moment, in place. */
export function advance(state: FoldState, logTimeMs: number): void {
  if (logTimeMs <= state.logTimeMs) return;
  state.logTimeMs = logTimeMs;
  state.firsts.forget(logTimeMs);
  const hour = Math.floor((logTimeMs - PAST_MS) / HOUR_MS);
  if (hour > state.prunedHour) prune(state, hour);
}

/** The reservation of an id, if it is still held or active, and not so long over that nobody needs to know it. */
export function liveAt(state: FoldState, id: string, logTimeMs: number): ReservationState | undefined {
  const found = state.live.get(id);
  return found === undefined || isOver(found, logTimeMs) ? undefined : found;
}

/** A hold is never over before a tick has ended it: the projection has to hear of it. */
export function isOver({ status, slot }: ReservationState, logTimeMs: number): boolean {
  return status !== 'held' && Date.parse(slot.end) <= logTimeMs - PAST_MS;
}

/** The reservation is now as given: what it took before is free, and what it takes now is taken. */
export function place(state: FoldState, next: ReservationState): void {
  const before = state.live.get(next.id);
  if (before !== undefined) remove(state, before);
  if (next.status !== 'held' && next.status !== 'active') return;
  state.live.set(next);
  if (next.holdUntilMs !== null) state.holds.add({ untilMs: next.holdUntilMs, id: next.id });
  take(state, next, next.quantity);
  const ids = state.byEndHour.get(endHourOf(next)) ?? new Set();
  state.byEndHour.set(endHourOf(next), ids.add(next.id));
}

function remove(state: FoldState, reservation: ReservationState): void {
  const { id, holdUntilMs, quantity } = reservation;
  state.live.delete(id);
  if (holdUntilMs !== null) state.holds.remove({ untilMs: holdUntilMs, id });
  take(state, reservation, -quantity);
  const ids = state.byEndHour.get(endHourOf(reservation));
  ids?.delete(id);
  if (ids?.size === 0) state.byEndHour.delete(endHourOf(reservation));
}

function take(state: FoldState, { tenant, resource, slot }: ReservationState, quantity: number): void {
  const key = resourceKey(tenant, resource);
  const timeline = state.taken.get(key) ?? emptyTimeline();
  add(timeline, Date.parse(slot.start), Date.parse(slot.end), quantity);
  if (timeline.times.length === 0) state.taken.delete(key);
  else state.taken.set(key, timeline);
}

const endHourOf = ({ slot }: ReservationState): number => Math.floor(Date.parse(slot.end) / HOUR_MS);

/** Drops what is over: the hours that lie wholly before the given one. */
function prune(state: FoldState, hour: number): void {
  state.prunedHour = hour;
  for (const [endHour, ids] of state.byEndHour) {
    if (endHour >= hour) continue;
    for (const id of ids) {
      const found = state.live.get(id);
      if (found !== undefined && isOver(found, state.logTimeMs)) remove(state, found);
    }
  }
}
