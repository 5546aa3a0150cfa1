import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../core/clock.ts';
import { isUpliftError, reasonOf } from '../../core/error.ts';

/** How one try to put things back ended; `left`: what is not back, or not recorded, as sentences. */
export interface Attempt {
  readonly left: readonly string[];
}

export interface TakeOver {
  /** Puts back what it can. Throws where it could not even begin, UPL-JOURNAL-HELD while somebody else is at it. */
  readonly attempt: (number: number) => Promise<Attempt>;
  readonly clock: Pick<Clock, 'monoNs'>;
  readonly say: (line: string) => void;
  readonly deadlineMs?: number;
  readonly pausesMs?: readonly number[];
  readonly heldMs?: number;
}

/** Pauses between tries: a store that comes back by itself has done so after the last of them, or needs somebody. */
const PAUSES_MS = [2000, 5000, 15_000, 30_000];
/** No try begins later; each has the deadlines of its steps. */
const DEADLINE_MS = 15 * 60_000;
const HELD_MS = 1000;

/**
 * Tries to put everything back, one time more than there are pauses. While somebody else writes the journal (a `drill
 * recover` that was typed) it waits for them: two never restore at once. Answers what is left; throws nothing.
 */
export async function takeOver(request: TakeOver): Promise<readonly string[]> {
  const { clock, say, pausesMs = PAUSES_MS, deadlineMs = DEADLINE_MS, heldMs = HELD_MS } = request;
  const endsNs = clock.monoNs() + BigInt(Math.round(deadlineMs * 1e6));
  for (let number = 1; ; ) {
    const { left, held } = await once(request, number);
    if (left.length === 0) return [];
    const pauseMs = held ? heldMs : pausesMs[number - 1];
    say(held ? left.join('; ') : `try ${number}: not put back: ${left.join('; ')}`);
    if (pauseMs === undefined || clock.monoNs() >= endsNs) return left;
    await delay(pauseMs);
    if (!held) number += 1;
  }
}

async function once(
  { attempt }: TakeOver,
  number: number,
): Promise<{ readonly left: readonly string[]; readonly held: boolean }> {
  try {
    return { left: (await attempt(number)).left, held: false };
  } catch (error) {
    return { left: [reasonOf(error)], held: isUpliftError(error, 'UPL-JOURNAL-HELD') };
  }
}
