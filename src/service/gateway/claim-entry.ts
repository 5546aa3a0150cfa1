import { z } from 'zod';

/** What stands under an idempotency key: short names, it is written twice per request. */
export interface ClaimEntry {
  /** Payload hash. */
  readonly p: string;
  /** Reservation id: every attempt of one operation offers the same. Empty for commands that make none. */
  readonly r: string;
  /** An attempt runs, until this time (ms since the epoch) at the latest: its gateway may have died. */
  readonly u?: number;
  /** Token of the acknowledged command, once there is one. */
  readonly t?: string;
}

const entrySchema = z.object({
  p: z.string(),
  r: z.string(),
  u: z.number().optional(),
  t: z.string().optional(),
});

/** What a repeated request has to do about the entry it met. */
export type ClaimStanding =
  | { readonly kind: 'keyReused' }
  | { readonly kind: 'finished'; readonly token: string }
  | { readonly kind: 'running'; readonly forMs: number }
  | { readonly kind: 'free' };

/**
 * Judges an entry: another payload, finished, running, or free to be tried again under the same event id. An entry that
 * claims to run for longer than an attempt can take comes from another clock, and counts as running for that long.
 */
export function standingOf(
  entry: ClaimEntry,
  payload: string,
  at: { readonly nowMs: number; readonly longestRunMs: number },
): ClaimStanding {
  if (entry.p !== payload) return { kind: 'keyReused' };
  if (entry.t !== undefined) return { kind: 'finished', token: entry.t };
  const forMs = Math.min((entry.u ?? 0) - at.nowMs, at.longestRunMs);
  return forMs > 0 ? { kind: 'running', forMs } : { kind: 'free' };
}

export function encodeEntry({ p, r, u, t }: ClaimEntry): string {
  return JSON.stringify({ p, r, u, t });
}

/** Throws for anything that is not an entry. */
export function decodeEntry(text: string): ClaimEntry {
  const { p, r, u, t } = entrySchema.parse(JSON.parse(text));
  return { p, r, ...(u === undefined ? {} : { u }), ...(t === undefined ? {} : { t }) };
}

const PREFIX = 'idem:';

/** The key of a claim: tenant, then the event id, which is the hash of tenant and idempotency key. */
export function claimKeyOf(tenant: string, eventId: string): string {
  return `${PREFIX}${tenant}/${eventId}`;
}

/** Tenant and event id of `claimKeyOf`. A tenant holds no slash. */
export function parseClaimKey(key: string): { readonly tenant: string; readonly keyHash: string } {
  const slash = key.lastIndexOf('/');
  if (!key.startsWith(PREFIX) || slash < PREFIX.length)
    throw new RangeError(`not the key of a claim: ${key}`);
  return { tenant: key.slice(PREFIX.length, slash), keyHash: key.slice(slash + 1) };
}
