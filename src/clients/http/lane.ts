/** Bounded admission to one origin: `limit` exchanges at a time, the rest wait in order in a bounded queue. */
export interface Lane {
  /** Calls `start` when a place is free, at once if there is one. Undefined when the queue is full, else a way to leave it. */
  enter(start: () => void): Leave | undefined;
  /** Gives a place back; the first in the queue takes it. */
  exit(): void;
}

/** True when the caller was still waiting; false when it was started or is about to be. */
export type Leave = () => boolean;

/** Opens a lane; it holds no resource of the system, so nobody has to close it. */
export function openLane(limit: number, maxWaiting: number): Lane {
  const waiting = new Set<() => void>();
  let active = 0;
  return {
    enter(start) {
      if (active < limit) {
        active += 1;
        start();
        return () => false;
      }
      if (waiting.size >= maxWaiting) return undefined;
      waiting.add(start);
      return () => waiting.delete(start);
    },
    exit() {
      const next = waiting.values().next();
      if (next.done === true) {
        active -= 1;
        return;
      }
      waiting.delete(next.value);
      // Not called from here: a row of requests that fail at once would nest as deep as the queue is long.
      queueMicrotask(next.value);
    },
  };
}
