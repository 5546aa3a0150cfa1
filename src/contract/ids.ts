import { createHash } from 'node:crypto';
import { murmur2 } from './murmur2.ts';

/**
 * Operation id = event id = the first 16 bytes of SHA-256 over (tenant, idempotency key), as 32 hex digits.
 * Length-prefixed, so that ("a", "bc") and ("ab", "c") differ. The same request always has the same id (S5).
 */
export function eventIdOf(tenant: string, idempotencyKey: string): string {
  const tenantBytes = Buffer.from(tenant, 'utf8');
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(tenantBytes.length);
  return createHash('sha256')
    .update(prefix)
    .update(tenantBytes)
    .update(idempotencyKey, 'utf8')
    .digest('hex')
    .slice(0, 32);
}

/** The record key: everything that competes for one capacity has one key, hence one partition and one order. */
export function resourceKey(tenant: string, resource: string): string {
  return `${tenant}/${resource}`;
}

/** Partition of a key, as Java's default partitioner: toPositive(murmur2(key)) mod partitions. */
export function partitionOf(key: string, partitions: number): number {
  return (murmur2(Buffer.from(key, 'utf8')) & 0x7fffffff) % partitions;
}

const BASE32 = '0123456789abcdefghjkmnpqrstvwxyz';

/** Crockford base 32, lower case, 13 digits for 64 bits. */
export function base32(value: bigint): string {
  let rest = BigInt.asUintN(64, value);
  let text = '';
  for (let digit = 0; digit < 13; digit += 1) {
    text = BASE32.charAt(Number(rest & 31n)) + text;
    rest >>= 5n;
  }
  return text;
}

/**
 * `<Snowflake, base 32>-<key hash, 8 hex>`. The hash is murmur2 of the key, never a partition number: a reader that
 * knows the partition count can find the partition, and a change of the count does not change the id (S7).
 */
export function reservationIdOf(snowflake: bigint, key: string): string {
  return `${base32(snowflake)}-${keyHashOf(key)}`;
}

function keyHashOf(key: string): string {
  return (murmur2(Buffer.from(key, 'utf8')) >>> 0).toString(16).padStart(8, '0');
}

/** Whether a reservation id was made for this key: false is certain, true but for equal hashes. */
export function isOfKey(reservationId: string, key: string): boolean {
  return reservationId.endsWith(`-${keyHashOf(key)}`);
}

/** The Snowflake in a reservation id, or undefined when the id is not one of ours. */
export function snowflakeOf(reservationId: string): bigint | undefined {
  const match = /^([0-9a-hjkmnp-tv-z]{13})-[0-9a-f]{8}$/.exec(reservationId);
  if (match?.[1] === undefined) return undefined;
  const value = [...match[1]].reduce((sum, digit) => (sum << 5n) | BigInt(BASE32.indexOf(digit)), 0n);
  return value < 1n << 63n ? value : undefined;
}

/** Partition of a reservation id under a partition count, or undefined when the id is not one of ours. */
export function partitionOfReservation(reservationId: string, partitions: number): number | undefined {
  const match = /^[0-9a-hjkmnp-tv-z]{13}-([0-9a-f]{8})$/.exec(reservationId);
  if (match?.[1] === undefined) return undefined;
  return (Number.parseInt(match[1], 16) & 0x7fffffff) % partitions;
}
