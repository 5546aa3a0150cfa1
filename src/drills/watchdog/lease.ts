/** How the other end of the line stands. `silent` ends with the next sign of life; `gone` and `finished` stay. */
export type LineState = 'alive' | 'silent' | 'gone' | 'finished';

export interface Line {
  readonly state: LineState;
  /** How long nothing was heard while this process looked, ms. */
  readonly silentMs: number;
  /** When this process looked or heard last, monotonic. */
  readonly lastNs: bigint;
}

/** What came over the line, or a look at the clock. */
export interface LineEvent {
  readonly kind: 'beat' | 'finished' | 'closed' | 'look';
  readonly atNs: bigint;
}

export const BEAT_EVERY_MS = 1000;
export const LOOK_EVERY_MS = 1000;

/**
 * A run that says nothing for so long hangs. It beats from the event loop that does its work, so this is how long one
 * piece of work may block it while something has to be undone. On two cores under a load of 38 a drill was blocked for
 * 2.7 s at most.
 */
export const LEASE_MS = 15_000;

/**
 * Between two looks this much counts at most: who was not running itself (a suspended machine, a starved process) has
 * no right to call the other one silent.
 */
export const MOST_PER_LOOK_MS = 2 * LOOK_EVERY_MS;

export const lineAt = (atNs: bigint): Line => ({ state: 'alive', silentMs: 0, lastNs: atNs });

/** Folds what was heard, and the looks at the clock between, into how the line stands. Pure. */
export function hear(line: Line, event: LineEvent, leaseMs = LEASE_MS): Line {
  if (line.state === 'gone' || line.state === 'finished') return line;
  const { kind, atNs } = event;
  if (kind === 'beat') return lineAt(atNs);
  if (kind !== 'look') return { ...line, state: kind === 'closed' ? 'gone' : 'finished', lastNs: atNs };
  const sinceMs = Math.max(0, Number(atNs - line.lastNs) / 1e6);
  const silentMs = line.silentMs + Math.min(sinceMs, MOST_PER_LOOK_MS);
  return { state: silentMs >= leaseMs ? 'silent' : 'alive', silentMs, lastNs: atNs };
}
