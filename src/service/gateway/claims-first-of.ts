import type { Claims } from '../../clients/redis/index.ts';

/** What claims need of a store; the life of its connection is somebody else's. */
export type ClaimStore = Pick<Claims, 'claim' | 'put'>;

/** The store that grants while the first is away. */
export interface FallbackClaims extends ClaimStore {
  /** What stands under a key, without claiming it. */
  look(key: string): Promise<string | undefined>;
}

export interface FirstOfOptions {
  /** Whether the fallback may hold claims that have not expired, from this process or another. */
  readonly fallbackHolds: () => boolean;
  /** The fallback was asked because the first is away; after this `fallbackHolds` should be true. */
  readonly onFallback: () => void;
  /** Both stores granted one key; the entry that the fallback holds is the one that counts from then on. */
  readonly onCrossed: () => void;
}

/**
 * Claims in `first`, while it is away in `fallback`; with neither it throws. While the fallback holds claims of an
 * outage, a key that `first` grants is looked up there before it counts: `first` has not seen what was granted without
 * it. Neither is the truth: a key that slips through both has one event id, and the fold accepts it once.
 */
export function firstOf(first: ClaimStore, fallback: FallbackClaims, options: FirstOfOptions): ClaimStore {
  // Granted or found by the fallback and not put yet: one per request in flight, so that its end is written where the
  // next request looks while `first` is away.
  const inFallback = new Set<string>();
  return {
    async claim(key, value, ttlMs) {
      try {
        const claim = await first.claim(key, value, ttlMs);
        if (!claim.claimed || !options.fallbackHolds()) return claim;
      } catch {
        const claim = await fallback.claim(key, value, ttlMs);
        options.onFallback();
        if (claim.claimed) inFallback.add(key);
        return claim;
      }
      const standing = await fallback.look(key).catch(() => undefined);
      if (standing === undefined) return { claimed: true };
      options.onCrossed();
      await first.put(key, standing, ttlMs).catch(() => undefined);
      return { claimed: false, value: standing };
    },
    async put(key, value, ttlMs) {
      if (inFallback.delete(key)) {
        await fallback.put(key, value, ttlMs);
        return;
      }
      await first.put(key, value, ttlMs).catch(() => {
        options.onFallback();
        return fallback.put(key, value, ttlMs);
      });
    },
  };
}
