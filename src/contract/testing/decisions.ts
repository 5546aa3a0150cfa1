import type { CommandOf, Decision, ReservationState } from '../records.ts';

const SLOT = { start: '2026-06-01T10:00:00Z', end: '2026-06-01T11:00:00Z' } as const;

/** 32 hex digits of a number. */
export const idOf = (n: number): string => n.toString(16).padStart(32, '0');

export function someReservation(over: Partial<ReservationState> = {}): ReservationState {
  return {
    id: 'res-1',
    tenant: 't',
    resource: 'r',
    slot: { ...SLOT },
    quantity: 1,
    status: 'active',
    version: 1,
    holdUntilMs: null,
    ...over,
  };
}

/** An accepted create of command `commandOffset`, the one after `previous`. */
export function someDecision(
  commandOffset: number,
  over: Partial<Decision> = {},
  previous = commandOffset - 1,
): Decision {
  return {
    v: 1,
    decision: 'accepted',
    rulesVersion: 1,
    commandOffset: String(commandOffset),
    previousCommandOffset: String(previous),
    logTimeMs: 1000 + commandOffset,
    command: null,
    eventId: idOf(commandOffset),
    tenant: 't',
    reservation: someReservation({ id: `res-${commandOffset}` }),
    reason: null,
    first: null,
    expired: [],
    ...over,
  };
}

/** A create by tenant t of a unit of resource r. */
export function someCreate(over: Partial<CommandOf<'create'>> = {}): CommandOf<'create'> {
  return {
    v: 1,
    type: 'create',
    eventId: 'a'.repeat(32),
    tenant: 't',
    resource: 'r',
    reservationId: 'res-1',
    slot: { ...SLOT },
    quantity: 1,
    holdMs: null,
    issuedAtMs: 0,
    notAfterMs: 60_000,
    ...over,
  };
}
