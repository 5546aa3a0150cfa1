import type { ClaimStore } from './claims-first-of.ts';

/** The attempts that a gateway has under way. */
export interface RunningClaims extends ClaimStore {
  running(): { readonly count: number; readonly oldestMs: number | null };
}

/** An entry that says until when it runs (`u` of a claim entry). Hash and id of an entry hold no quotes. */
const RUNS = '"u":';

/** Watches which claims were granted and not ended yet: one per request in flight. */
export function watchRunning(
  store: ClaimStore,
  monoMs: () => number = () => performance.now(),
): RunningClaims {
  // In order of their beginning: a Map keeps it.
  const since = new Map<string, number>();
  return {
    async claim(key, value, ttlMs) {
      const claim = await store.claim(key, value, ttlMs);
      if (claim.claimed) since.set(key, monoMs());
      return claim;
    },
    async put(key, value, ttlMs) {
      const runs = value.includes(RUNS);
      if (runs) {
        since.delete(key);
        since.set(key, monoMs());
      }
      try {
        await store.put(key, value, ttlMs);
      } catch (error) {
        since.delete(key);
        throw error;
      }
      if (!runs) since.delete(key);
    },
    running() {
      const [oldest] = since.values();
      return {
        count: since.size,
        oldestMs: oldest === undefined ? null : Math.max(0, Math.round(monoMs() - oldest)),
      };
    },
  };
}
