import { createHash } from 'node:crypto';
import type { ChangeReservation, CreateReservation } from '../../contract/http.ts';
import { keyHashOf, partitionOf, partitionOfReservation, resourceKey } from '../../contract/ids.ts';
import type { CommandOf, TenantCommand } from '../../contract/records.ts';
import { encodeCommand } from '../domain/codec.ts';
import type { CommandPlan, CommandStamp } from './write.ts';

/** How long `hold: true` holds without a `holdSeconds`; the longest hold is a rule of the fold. */
export interface HoldDefaults {
  readonly holdMs: number;
}

/** The command of `POST /v1/reservations`: it makes a reservation, under the key of its resource. */
export function createPlan(
  tenant: string,
  body: CreateReservation,
  partitions: number,
  defaults: HoldDefaults,
): CommandPlan {
  const key = resourceKey(tenant, body.resource);
  const holdMs = holdMsOf(body, defaults);
  const slot = { start: body.slot.start, end: body.slot.end };
  return {
    key,
    partition: partitionOf(key, partitions),
    // A hold is told apart only where one was asked for: keys of earlier versions stay what they were.
    payload: payloadHash(
      body.resource,
      slot.start,
      slot.end,
      body.quantity,
      ...(holdMs === null ? [] : [`hold ${holdMs}`]),
    ),
    newReservation: true,
    encode: (stamp) =>
      encodeCommand({
        ...common(tenant, stamp),
        type: 'create',
        resource: body.resource,
        reservationId: stamp.newReservationId,
        slot,
        quantity: body.quantity,
        holdMs,
      }),
  };
}

function holdMsOf({ hold, holdSeconds }: CreateReservation, defaults: HoldDefaults): number | null {
  if (hold !== true) return null;
  return holdSeconds === undefined ? defaults.holdMs : holdSeconds * 1000;
}

/** What can be asked of a reservation that exists. */
export type OnReservation =
  | { readonly type: 'confirm' | 'cancel' }
  | { readonly type: 'change'; readonly body: ChangeReservation };

/**
 * The command of a confirm, change or cancel. The id says the partition: nothing is read (S7). Undefined: the id is none of
 * ours; `otherResource`: a change would move it to another resource, which no id can follow.
 */
export function onReservationPlan(
  tenant: string,
  reservationId: string,
  asked: OnReservation,
  partitions: number,
): CommandPlan | 'otherResource' | undefined {
  const partition = partitionOfReservation(reservationId, partitions);
  if (partition === undefined) return undefined;
  if (asked.type === 'change' && movesAway(tenant, reservationId, asked.body)) return 'otherResource';
  const fields = asked.type === 'change' ? changed(asked.body) : {};
  return {
    key: `${tenant}/${reservationId}`,
    partition,
    payload: payloadHash(asked.type, reservationId, JSON.stringify(fields)),
    newReservation: false,
    encode: (stamp) =>
      encodeCommand({
        ...common(tenant, stamp),
        type: asked.type,
        reservationId,
        ...fields,
      } as TenantCommand),
  };
}

function movesAway(tenant: string, reservationId: string, { resource }: ChangeReservation): boolean {
  return resource !== undefined && !reservationId.endsWith(`-${keyHashOf(resourceKey(tenant, resource))}`);
}

function changed({ slot, quantity }: ChangeReservation): Pick<CommandOf<'change'>, 'slot' | 'quantity'> {
  return {
    slot: slot === undefined ? null : { start: slot.start, end: slot.end },
    quantity: quantity ?? null,
  };
}

const common = (tenant: string, { eventId, issuedAtMs, notAfterMs }: CommandStamp) =>
  ({ v: 1, eventId, tenant, issuedAtMs, notAfterMs }) as const;

/** Fingerprint of what was asked for, independent of the order and spelling of JSON members. */
function payloadHash(...parts: readonly (string | number)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22);
}
