import { resourceKey } from '../../contract/ids.ts';
import type { CommandOf, ReservationState, Slot, TenantCommand } from '../../contract/records.ts';
import { PAST_MS, rulesOf } from './rules.ts';
import { type FoldState, liveAt } from './state.ts';
import { add, copyOf, emptyTimeline, peak, type Timeline } from './timeline.ts';

/**
 * Why a request is refused: `not-found` is no live reservation of this tenant (never made, of another tenant, cancelled,
 * expired, long over); `not-held` is confirmed already; `hold-ended` came too late.
 */
export type Refusal =
  | 'full'
  | 'past'
  | 'too-large'
  | 'hold-too-long'
  | 'id-taken'
  | 'not-found'
  | 'not-held'
  | 'hold-ended';

/** The reservation as it is when a request is granted, or why it is not. Pure; the state is the one before it. */
export function judgeRequest(
  state: FoldState,
  command: TenantCommand,
  logTimeMs: number,
): ReservationState | Refusal {
  if (command.type === 'create') return create(state, command, logTimeMs);
  const found = liveAt(state, command.reservationId, logTimeMs);
  if (found === undefined || found.tenant !== command.tenant) return 'not-found';
  if (command.type === 'cancel') return next(found, { status: 'cancelled', holdUntilMs: null });
  if (found.holdUntilMs !== null && logTimeMs > found.holdUntilMs) return 'hold-ended';
  if (command.type === 'change') return change(state, found, command, logTimeMs);
  return found.status === 'held' ? next(found, { status: 'active', holdUntilMs: null }) : 'not-held';
}

function create(
  state: FoldState,
  { tenant, resource, reservationId: id, slot, quantity, holdMs }: CommandOf<'create'>,
  logTimeMs: number,
): ReservationState | Refusal {
  const { longestHoldMs } = rulesOf(state.rulesVersion);
  // Ids are the gateway's; one that is taken already would overwrite somebody's reservation.
  if (liveAt(state, id, logTimeMs) !== undefined) return 'id-taken';
  if (holdMs !== null && holdMs > longestHoldMs) return 'hold-too-long';
  const wanted: ReservationState = {
    id,
    tenant,
    resource,
    slot: { start: slot.start, end: slot.end },
    quantity,
    status: holdMs === null ? 'active' : 'held',
    version: 1,
    holdUntilMs: holdMs === null ? null : logTimeMs + holdMs,
  };
  return refusalOf(state, wanted, undefined, logTimeMs) ?? wanted;
}

function change(
  state: FoldState,
  before: ReservationState,
  { slot, quantity }: CommandOf<'change'>,
  logTimeMs: number,
): ReservationState | Refusal {
  const wanted = next(before, { slot: slot ?? before.slot, quantity: quantity ?? before.quantity });
  return refusalOf(state, wanted, before, logTimeMs) ?? wanted;
}

/** Why there is no room for a reservation, once what it took before is given back. */
function refusalOf(
  state: FoldState,
  wanted: ReservationState,
  before: ReservationState | undefined,
  logTimeMs: number,
): Refusal | undefined {
  const { capacityPerResource, largestQuantity } = rulesOf(state.rulesVersion);
  const { start, end } = millisOf(wanted.slot);
  if (start <= logTimeMs - PAST_MS) return 'past';
  if (wanted.quantity > largestQuantity) return 'too-large';
  const timeline = state.taken.get(resourceKey(wanted.tenant, wanted.resource)) ?? emptyTimeline();
  const others = before === undefined ? timeline : without(timeline, before);
  return peak(others, start, end) + wanted.quantity > capacityPerResource ? 'full' : undefined;
}

function without(timeline: Timeline, { slot, quantity }: ReservationState): Timeline {
  const { start, end } = millisOf(slot);
  const others = copyOf(timeline);
  add(others, start, end, -quantity);
  return others;
}

const millisOf = ({ start, end }: Slot): { start: number; end: number } => ({
  start: Date.parse(start),
  end: Date.parse(end),
});

/** The reservation after one more decision. */
function next(before: ReservationState, changes: Partial<ReservationState>): ReservationState {
  return { ...before, ...changes, version: before.version + 1 };
}
