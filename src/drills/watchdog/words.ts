/** The run that is watched, by what no other process shares: a pid alone may be given to somebody else. */
export interface RunProcess {
  readonly pid: number;
  readonly startTime: string;
}

/** What a run says to its watchdog: who it is (first of all), that it lives, that it came to its own end. */
export type RunWord =
  | ({ readonly word: 'watch' } & RunProcess)
  | { readonly word: 'beat' }
  | { readonly word: 'finished' };

/** What the watchdog answers: once that it watches, then to each beat. */
export type WatchdogWord = { readonly word: 'ready' } | { readonly word: 'here' };

/** One of a run's words, or undefined for anything else that came over the channel. */
export function runWordOf(value: unknown): RunWord | undefined {
  const { word, pid, startTime } = fieldsOf(value);
  if (word === 'beat' || word === 'finished') return { word };
  const known = word === 'watch' && Number.isSafeInteger(pid) && typeof startTime === 'string';
  return known ? { word: 'watch', pid: pid as number, startTime: startTime as string } : undefined;
}

export function watchdogWordOf(value: unknown): WatchdogWord | undefined {
  const { word } = fieldsOf(value);
  return word === 'ready' || word === 'here' ? { word } : undefined;
}

function fieldsOf(value: unknown): { readonly [field: string]: unknown } {
  return typeof value === 'object' && value !== null ? (value as { readonly [field: string]: unknown }) : {};
}
