/** Longest wait that is granted; a longer one is granted as this. */
export const LONGEST_WAIT_S = 30;

/** Seconds of `Prefer: wait=N` (RFC 7240, 4.3), bounded; undefined when it is not asked for, or not understood. */
export function waitSecondsOf(prefer: string | undefined): number | undefined {
  for (const preference of prefer?.split(',') ?? []) {
    const [, seconds] = /^\s*wait\s*=\s*"?(\d{1,6})"?\s*(;.*)?$/i.exec(preference) ?? [];
    if (seconds !== undefined) return Math.min(Number(seconds), LONGEST_WAIT_S);
  }
  return undefined;
}
