import type { ChangeReservation, CreateReservation } from '../contract/http.ts';
import type { LoadVerb } from './stories.ts';
import type { PlannedFollowUp, PlannedOperation } from './workload.ts';

/** An operation as it is sent, attempt after attempt: what was planned, with a reservation id where it needs one. */
export interface AskedOperation {
  readonly verb: LoadVerb;
  readonly idempotencyKey: string;
  readonly eventId: string;
  readonly partition: number;
  readonly resource: string;
  /** Id of the reservation it is about; null for what makes one. */
  readonly reservation: string | null;
  /** [start, end) in ms since the epoch; null where none is asked for. */
  readonly slot: readonly [number, number] | null;
  readonly quantity: number | null;
  readonly method: 'POST' | 'PATCH' | 'DELETE';
  /** Below the gateway's base. */
  readonly path: string;
  readonly body: CreateReservation | ChangeReservation | null;
}

/** What a planned operation asks for: its follow-up when that reservation is known, else its create. Pure. */
export function askedOf(planned: PlannedOperation, reservation: string | undefined): AskedOperation {
  if (planned.followUp !== null && reservation !== undefined)
    return followUpOf(planned, planned.followUp, reservation);
  const { resource, quantity, slotStartMs, slotEndMs, holdSeconds } = planned;
  const held = holdSeconds === null ? {} : { hold: true, holdSeconds };
  return {
    ...idOf(planned),
    verb: holdSeconds === null ? 'create' : 'hold',
    resource,
    reservation: null,
    slot: [slotStartMs, slotEndMs],
    quantity,
    method: 'POST',
    path: '/v1/reservations',
    body: { resource, slot: slotOf(slotStartMs, slotEndMs), quantity, ...held },
  };
}

function followUpOf(
  planned: PlannedOperation,
  { verb, resource, slotStartMs, slotEndMs, quantity }: PlannedFollowUp,
  reservation: string,
): AskedOperation {
  const path = `/v1/reservations/${reservation}`;
  const about = { ...idOf(planned), verb, resource, reservation };
  const nothing = { slot: null, quantity: null, body: null };
  if (verb === 'confirm') return { ...about, ...nothing, method: 'POST', path: `${path}/confirm` };
  if (verb === 'cancel' || slotStartMs === null || slotEndMs === null || quantity === null)
    return { ...about, ...nothing, verb: 'cancel', method: 'DELETE', path };
  const body = { slot: slotOf(slotStartMs, slotEndMs), quantity };
  return { ...about, slot: [slotStartMs, slotEndMs], quantity, method: 'PATCH', path, body };
}

function idOf({ idempotencyKey, eventId, partition }: PlannedOperation) {
  return { idempotencyKey, eventId, partition };
}

function slotOf(startMs: number, endMs: number): CreateReservation['slot'] {
  return { start: new Date(startMs).toISOString(), end: new Date(endMs).toISOString() };
}
