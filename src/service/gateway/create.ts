import { createHash } from 'node:crypto';
import type { CreateReservation } from '../../contract/http.ts';
import { partitionOf, resourceKey } from '../../contract/ids.ts';
import { encodeCommand } from '../domain/codec.ts';
import type { CommandPlan } from './write.ts';

/** The command of `POST /v1/reservations`: it makes a reservation, under the key of its resource. */
export function createPlan(tenant: string, body: CreateReservation, partitions: number): CommandPlan {
  const key = resourceKey(tenant, body.resource);
  return {
    key,
    partition: partitionOf(key, partitions),
    payload: payloadHash(body),
    newReservation: true,
    encode: ({ eventId, newReservationId, issuedAtMs, notAfterMs }) =>
      encodeCommand({
        v: 1,
        type: 'create',
        eventId,
        tenant,
        resource: body.resource,
        reservationId: newReservationId,
        slot: { start: body.slot.start, end: body.slot.end },
        quantity: body.quantity,
        holdMs: null,
        issuedAtMs,
        notAfterMs,
      }),
  };
}

/** Fingerprint of what was asked for, independent of the order and spelling of JSON members. */
export function payloadHash(body: CreateReservation): string {
  const text = JSON.stringify([body.resource, body.slot.start, body.slot.end, body.quantity]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}
