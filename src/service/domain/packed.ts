import { type ReservationState, STATUSES } from '../../contract/records.ts';

/**
 * A reservation without its id as one short flat text: what the fold remembers by the million takes half of the memory of
 * an object with its strings. No field can hold a space: names and times are checked before they get here
 * (contract/records.ts); an id may, and stands apart.
 */
export function pack(reservation: ReservationState): string {
  const { tenant, resource, slot, quantity, status, version, holdUntilMs } = reservation;
  return [tenant, resource, slot.start, slot.end, quantity, status, version, holdUntilMs ?? ''].join(' ');
}

/** Fields that a packed reservation has. */
export const PACKED_FIELDS = 8;

/** The reservation of an id from the fields of its text. */
export function unpack(id: string, fields: readonly string[]): ReservationState {
  const [tenant = '', resource = '', start = '', end = '', quantity, word, version, hold = ''] = fields;
  return {
    id,
    tenant,
    resource,
    slot: { start, end },
    quantity: Number(quantity),
    status: STATUSES.find((each) => each === word) ?? 'active',
    version: Number(version),
    holdUntilMs: hold === '' ? null : Number(hold),
  };
}
