/** Days of a window, as `getUTCDay` counts them. */
export const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** When drills may run, on the wall clock of a time zone. */
export interface ChangeWindow {
  /** Days on which the window opens; one over midnight belongs to the day on which it opens. */
  readonly days: readonly Weekday[];
  /** `HH:MM`; the first minute that is inside. */
  readonly from: string;
  /** `HH:MM`, up to `24:00`; the first minute that is outside. Before `from`: on the next day. */
  readonly to: string;
  /** IANA name. */
  readonly timeZone: string;
  /** Dates, or first and last of a span, as `2026-11-27` and `2026-12-20..2027-01-06`; no window is open, or opened, on one. */
  readonly blocked: readonly string[];
}

export type WindowAnswer =
  | { readonly kind: 'open' }
  /** `opensMs`: when it is open next for long enough, ms since the epoch; null: not within LOOK_AHEAD_DAYS. */
  | { readonly kind: 'closed'; readonly why: string; readonly opensMs: number | null };

/** Further ahead nobody plans. */
export const LOOK_AHEAD_DAYS = 400;

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1440;
const DAY_MS = DAY_MINUTES * MINUTE_MS;

/** A moment on the wall clock. */
interface Local {
  /** `2026-11-27`. */
  readonly date: string;
  readonly minute: number;
  /** Wall clock minus UTC; whole minutes in every zone since 1972. */
  readonly offsetMs: number;
}

/**
 * Pure: whether the window is open at this instant and stays open for `neededMs`. What counts is the wall clock at each
 * instant, so that a day with a change of clocks is as long as it is there.
 */
export function askWindow(window: ChangeWindow, nowMs: number, neededMs: number): WindowAnswer {
  const at = wallClock(window.timeZone);
  const closedAt = closing(window, at);
  const why = closedAt(nowMs, neededMs);
  if (why === undefined) return { kind: 'open' };
  const endMs = nowMs + LOOK_AHEAD_DAYS * DAY_MS;
  for (let ms = nextTurn(window, at, nowMs); ms < endMs; ms = nextTurn(window, at, ms))
    if (closedAt(ms, neededMs) === undefined) return { kind: 'closed', why: why.text, opensMs: ms };
  return { kind: 'closed', why: why.text, opensMs: null };
}

/** Why the window does not hold from an instant on for so long, or undefined. */
function closing(window: ChangeWindow, at: (ms: number) => Local) {
  return (fromMs: number, neededMs: number): { readonly text: string } | undefined => {
    const now = shutAt(window, at(fromMs));
    if (now !== undefined) return { text: now };
    for (let ms = nextTurn(window, at, fromMs); ms < fromMs + neededMs; ms = nextTurn(window, at, ms))
      if (shutAt(window, at(ms)) !== undefined)
        return { text: `it closes at ${windowTime(ms, window.timeZone)}, before the drill must have ended` };
    return undefined;
  };
}

/** Why it is closed at a moment on the wall clock, or undefined where it is open. */
function shutAt({ days, from, to, blocked }: ChangeWindow, { date, minute }: Local): string | undefined {
  const [begins, ends] = [minutesOf(from), minutesOf(to)];
  const opened = (day: string): boolean => days.includes(weekdayOf(day)) && !isBlocked(blocked, day);
  if (isBlocked(blocked, date)) return `${date} is a blocked date`;
  const isOpen =
    ends > begins
      ? opened(date) && minute >= begins && minute < ends
      : (opened(date) && minute >= begins) || (opened(dayBefore(date)) && minute < ends);
  return isOpen ? undefined : 'it is closed now';
}

/**
 * The next instant at which the answer may be another one: a limit of the window or midnight on the wall clock. Where the
 * clocks change before that, the next minute: nobody has to know then which hour is missing or comes twice.
 */
function nextTurn({ from, to }: ChangeWindow, at: (ms: number) => Local, ms: number): number {
  const { minute, offsetMs } = at(ms);
  const turns = [0, minutesOf(from), minutesOf(to) % DAY_MINUTES];
  const inMinutes = Math.min(
    ...turns.map((turn) => (turn - minute + DAY_MINUTES) % DAY_MINUTES || DAY_MINUTES),
  );
  const wholeMinute = Math.floor(ms / MINUTE_MS) * MINUTE_MS;
  const turn = wholeMinute + inMinutes * MINUTE_MS;
  return at(turn).offsetMs === offsetMs ? turn : wholeMinute + MINUTE_MS;
}

function wallClock(timeZone: string): (ms: number) => Local {
  const format = new Intl.DateTimeFormat('en-US', {
    ...{ timeZone, calendar: 'gregory', numberingSystem: 'latn', hourCycle: 'h23' },
    ...{ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' },
  });
  return (ms) => {
    const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, value]));
    const number = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.get(type));
    const minute = number('hour') * 60 + number('minute');
    const date = `${parts.get('year')}-${parts.get('month')}-${parts.get('day')}`;
    const wallMs = Date.parse(`${date}T00:00:00Z`) + minute * MINUTE_MS;
    return { date, minute, offsetMs: wallMs - Math.floor(ms / MINUTE_MS) * MINUTE_MS };
  };
}

const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));

function weekdayOf(date: string): Weekday {
  return WEEKDAYS[new Date(`${date}T00:00:00Z`).getUTCDay()] ?? 'sun';
}

function dayBefore(date: string): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) - DAY_MS).toISOString().slice(0, 10);
}

/** ISO dates sort as text. */
function isBlocked(blocked: readonly string[], date: string): boolean {
  return blocked.some((span) => {
    const [first = '', last = first] = span.split('..');
    return first <= date && date <= last;
  });
}

/** `mon 2026-11-30 09:00 Europe/Berlin`: an instant as the window's own clock shows it. */
export function windowTime(ms: number, timeZone: string): string {
  const { date, minute } = wallClock(timeZone)(ms);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${weekdayOf(date)} ${date} ${two(Math.floor(minute / 60))}:${two(minute % 60)} ${timeZone}`;
}

/** `mon, tue 09:00 to 16:00 Europe/Berlin`. */
export function windowText({ days, from, to, timeZone }: ChangeWindow): string {
  return `${days.join(', ')} ${from} to ${to} ${timeZone}`;
}
