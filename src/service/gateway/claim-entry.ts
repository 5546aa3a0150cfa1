import { z } from 'zod';
import { REMEMBER_MS } from '../domain/rules.ts';

/** What stands under an idempotency key: short names, it is written twice per request. */
export interface ClaimEntry {
  /** Payload hash. */
  readonly p: string;
  /** Reservation id: every attempt of one operation offers the same, until it is forgotten. Empty for commands that make none. */
  readonly r: string;
  /** An attempt runs, until this time (ms since the epoch) at the latest: its gateway may have died. */
  readonly u?: number | undefined;
  /** When the first attempt with this id began (ms since the epoch). */
  readonly a?: number | undefined;
  /** Token of the acknowledged command, once there is one. */
  readonly t?: string | undefined;
}

const entrySchema = z.object({
  p: z.string(),
  r: z.string(),
  u: z.number().optional(),
  a: z.number().optional(),
  t: z.string().optional(),
});

/** What a repeated request has to do about the entry it met. */
export type ClaimStanding =
  | { readonly kind: 'keyReused' }
  | { readonly kind: 'finished'; readonly token: string }
  | { readonly kind: 'running'; readonly forMs: number }
  /** `isForgotten`: the first attempt is so long ago that the fold may not know its decision any more. */
  | { readonly kind: 'free'; readonly isForgotten: boolean };

/** The fold forgets after REMEMBER_MS of log time; half of that leaves room for clocks and for what is on its way. */
const FOLD_ANSWERS_MS = REMEMBER_MS / 2;

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
  if (forMs > 0) return { kind: 'running', forMs };
  return { kind: 'free', isForgotten: at.nowMs - (entry.a ?? 0) > FOLD_ANSWERS_MS };
}

export function encodeEntry({ p, r, u, a, t }: ClaimEntry): string {
  return JSON.stringify({ p, r, u, a, t });
}

/** Throws for anything that is not an entry. */
export function decodeEntry(text: string): ClaimEntry {
  return entrySchema.parse(JSON.parse(text));
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
