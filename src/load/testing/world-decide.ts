import type { Decision, ReservationState } from '../../contract/records.ts';
import { type Asked, reservationIdOf, resourceOf, TENANT, TICK, type World } from './world.ts';

const HOUR_MS = 3_600_000;
/** Records of a partition after which a tick ends a hold. */
const HOLD_RECORDS = 8;

/** What is live in one partition, with the offset of the command that made it. */
type Live = Map<string, { readonly state: ReservationState; readonly madeAt: number }>;

/** Decides every command log of a world in order, as an honest service would. */
export function decide(world: World, asked: readonly Asked[]): void {
  for (const [partition, log] of world.commands.entries()) {
    const first = new Map<string, Decision>();
    const live: Live = new Map();
    for (const [offset, record] of log.entries()) {
      if (record === null) continue;
      const decision = decisionOn(world, { record, offset, asked, known: first.get(record.eventId), live });
      if (decision === undefined) continue;
      if (!first.has(record.eventId)) first.set(record.eventId, decision);
      world.events[partition]?.push(decision);
    }
  }
}

interface Turn {
  readonly record: { readonly eventId: string; readonly tenant: string };
  readonly offset: number;
  readonly asked: readonly Asked[];
  readonly known: Decision | undefined;
  readonly live: Live;
}

function decisionOn(world: World, { record, offset, asked, known, live }: Turn): Decision | undefined {
  const base = baseOf(offset, record.eventId);
  if (record.tenant === TICK) return endOfHolds(base, live, offset);
  const index = Number.parseInt(record.eventId.slice(4), 16);
  const one = record.tenant === TENANT ? asked[index] : undefined;
  if (one === undefined) return foreignDecision(base, record.tenant);
  if (one.spec.unparseable) return { ...base, decision: 'unparseable', eventId: null, reason: 'x' };
  if (known !== undefined) return repetitionOf(base, known);
  const judged = judgedOn(one, index, { live, capacity: world.capacity });
  if (typeof judged === 'string') return { ...base, reason: judged };
  if (judged.status === 'cancelled') live.delete(judged.id);
  else live.set(judged.id, { state: judged, madeAt: live.get(judged.id)?.madeAt ?? offset });
  return { ...base, decision: 'accepted', reservation: judged };
}

function judgedOn(
  { verb, spec, resource, reservation }: Asked,
  index: number,
  { live, capacity }: { readonly live: Live; readonly capacity: number },
): ReservationState | string {
  const fits = (wanted: ReservationState): ReservationState | string => {
    const beside = [...live.values()].filter(
      ({ state }) =>
        state.id !== wanted.id &&
        state.resource === wanted.resource &&
        state.slot.start === wanted.slot.start,
    );
    const taken = beside.reduce((sum, { state }) => sum + state.quantity, wanted.quantity);
    return taken > capacity ? 'full' : wanted;
  };
  const { quantity } = spec;
  const slot = slotOf(spec.slot);
  if (reservation === null) {
    const held = { status: 'held', holdUntilMs: 1 } as const;
    const made = reservationOf({
      id: reservationIdOf(index),
      tenant: TENANT,
      resource: resourceOf(resource),
      slot,
      quantity,
    });
    return fits({ ...made, ...(verb === 'hold' ? held : {}) });
  }
  const found = live.get(reservation)?.state;
  if (found === undefined) return 'not-found';
  const next = { ...found, version: found.version + 1 };
  if (verb === 'cancel') return { ...next, status: 'cancelled', holdUntilMs: null };
  if (verb === 'change') return fits({ ...next, slot, quantity });
  return found.status === 'held' ? { ...next, status: 'active', holdUntilMs: null } : 'not-held';
}

function endOfHolds(base: Decision, live: Live, offset: number): Decision | undefined {
  const due = [...live.values()].filter(
    ({ state, madeAt }) => state.status === 'held' && offset - madeAt >= HOLD_RECORDS,
  );
  if (due.length === 0) return undefined;
  for (const { state } of due) live.delete(state.id);
  const expired = due.map(
    ({ state }): ReservationState => ({
      ...state,
      status: 'expired',
      version: state.version + 1,
      holdUntilMs: null,
    }),
  );
  return { ...base, decision: 'accepted', eventId: null, expired };
}

function baseOf(offset: number, eventId: string): Decision {
  return {
    v: 1,
    decision: 'rejected',
    rulesVersion: 1,
    commandOffset: String(offset),
    previousCommandOffset: String(offset - 1),
    logTimeMs: 0,
    command: null,
    eventId,
    tenant: null,
    reservation: null,
    reason: null,
    first: null,
    expired: [],
  };
}

function foreignDecision(base: Decision, tenant: string): Decision {
  const reservation = reservationOf({
    id: `x-${base.eventId}`,
    tenant,
    resource: 'x',
    slot: slotOf(0),
    quantity: 1,
  });
  return { ...base, decision: 'accepted', reservation };
}

function repetitionOf(base: Decision, known: Decision): Decision {
  const decision = known.decision === 'accepted' ? 'accepted' : 'rejected';
  const first = { commandOffset: known.commandOffset, decision } as const;
  return { ...base, decision: 'repeated', reservation: known.reservation, first };
}

/** A reservation as it was made: active at once. */
export function reservationOf(
  made: Pick<ReservationState, 'id' | 'tenant' | 'resource' | 'slot' | 'quantity'>,
): ReservationState {
  return { ...made, status: 'active', version: 1, holdUntilMs: null };
}

function slotOf(slot: number): { start: string; end: string } {
  return { start: new Date(slot * HOUR_MS).toISOString(), end: new Date((slot + 1) * HOUR_MS).toISOString() };
}
