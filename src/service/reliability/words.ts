/** `1 event`, `1,204 events`. */
export const counted = (count: number, noun: string): string =>
  `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;

const UNITS: readonly (readonly [ms: number, name: string])[] = [
  [86_400_000, 'day'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
];

/** How long, in the largest unit that it fills: `4 min`, `300 ms`, `2 days`. */
export function spanOf(ms: number): string {
  const size = Math.max(0, ms);
  for (const [unitMs, name] of UNITS) {
    if (size < unitMs) continue;
    const count = Math.floor(size / unitMs);
    return name === 'day' ? counted(count, name) : `${count} ${name}`;
  }
  return `${Math.round(size)} ms`;
}

/** `4 min ago`, `in 20 s`; within a second: `just now`. */
export function relative(atMs: number, nowMs: number): string {
  if (Math.abs(nowMs - atMs) < 1000) return 'just now';
  return atMs > nowMs ? `in ${spanOf(atMs - nowMs)}` : `${spanOf(nowMs - atMs)} ago`;
}
