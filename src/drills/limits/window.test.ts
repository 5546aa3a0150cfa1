import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { askWindow, type ChangeWindow, WEEKDAYS, windowTime } from './window.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const OFFICE: ChangeWindow = {
  ...{ days: ['mon', 'tue', 'wed', 'thu'], from: '09:00', to: '16:00' },
  ...{ timeZone: 'Europe/Berlin', blocked: [] },
};
const NIGHT: ChangeWindow = { ...OFFICE, days: ['sat'], from: '22:00', to: '04:00' };

const at = (text: string): number => Date.parse(text);
const opens = (window: ChangeWindow, now: string, neededMs: number): string | null | undefined => {
  const answer = askWindow(window, at(now), neededMs);
  if (answer.kind === 'open') return undefined;
  return answer.opensMs === null ? null : new Date(answer.opensMs).toISOString();
};

describe('a change window', () => {
  it('is open from its first minute to the last, on its days', () => {
    // 2026-11-26 is a Thursday; Berlin is UTC+1.
    expect(opens(OFFICE, '2026-11-26T08:00:00Z', HOUR_MS)).toBeUndefined();
    expect(opens(OFFICE, '2026-11-26T07:59:59Z', HOUR_MS)).toBe('2026-11-26T08:00:00.000Z');
    expect(opens(OFFICE, '2026-11-26T14:00:00Z', HOUR_MS)).toBeUndefined();
    expect(opens(OFFICE, '2026-11-26T15:00:00Z', 0)).toBe('2026-11-30T08:00:00.000Z');
    expect(opens(OFFICE, '2026-11-27T10:00:00Z', HOUR_MS)).toBe('2026-11-30T08:00:00.000Z');
  });

  it('has to be long enough for the whole drill', () => {
    const late = askWindow(OFFICE, at('2026-11-26T14:30:00Z'), HOUR_MS);
    expect(late).toEqual({
      kind: 'closed',
      why: 'it closes at thu 2026-11-26 16:00 Europe/Berlin, before the drill must have ended',
      opensMs: at('2026-11-30T08:00:00Z'),
    });
    expect(opens(OFFICE, '2026-11-26T08:00:00Z', 7 * HOUR_MS)).toBeUndefined();
    expect(opens(OFFICE, '2026-11-26T08:00:00Z', 7 * HOUR_MS + 1)).toBeNull();
  });

  it('is not open on a blocked date, nor on one of a span', () => {
    const blocked = { ...OFFICE, blocked: ['2026-11-26', '2026-11-30..2026-12-02'] };
    expect(askWindow(blocked, at('2026-11-26T10:00:00Z'), 0)).toEqual({
      kind: 'closed',
      why: '2026-11-26 is a blocked date',
      opensMs: at('2026-12-03T08:00:00Z'),
    });
  });

  it('over midnight belongs to the day on which it opens, and a blocked date ends it', () => {
    expect(opens(NIGHT, '2026-11-29T02:00:00Z', HOUR_MS)).toBeUndefined();
    expect(opens(NIGHT, '2026-11-29T21:30:00Z', HOUR_MS)).toBe('2026-12-05T21:00:00.000Z');
    const sunday = { ...NIGHT, blocked: ['2026-11-29'] };
    expect(opens(sunday, '2026-11-28T21:00:00Z', 2 * HOUR_MS)).toBeUndefined();
    expect(opens(sunday, '2026-11-28T21:30:00Z', 2 * HOUR_MS)).toBe('2026-12-05T21:00:00.000Z');
    const saturday = { ...NIGHT, blocked: ['2026-11-28'] };
    expect(opens(saturday, '2026-11-29T00:00:00Z', HOUR_MS)).toBe('2026-12-05T21:00:00.000Z');
  });

  it('is an hour shorter, or longer, in the night in which the clocks change', () => {
    const night = { ...NIGHT, to: '06:00' };
    // 28 March 2026, 22:00 in Berlin; at 02:00 it is 03:00. In October it is 02:00 twice.
    expect(opens(night, '2026-03-28T21:00:00Z', 7 * HOUR_MS)).toBeUndefined();
    expect(opens(night, '2026-03-28T21:00:00Z', 8 * HOUR_MS)).toBe('2026-04-04T20:00:00.000Z');
    expect(opens(night, '2026-10-24T20:00:00Z', 9 * HOUR_MS)).toBeUndefined();
  });

  it('that begins in an hour that is missing opens after it', () => {
    const missing = { ...OFFICE, days: ['sun' as const], from: '02:30' };
    expect(opens(missing, '2026-03-28T12:00:00Z', HOUR_MS)).toBe('2026-03-29T01:00:00.000Z');
  });

  it('that never opens long enough says so', () => {
    expect(opens({ ...OFFICE, blocked: ['2026-01-01..2029-01-01'] }, '2026-11-26T10:00:00Z', 0)).toBeNull();
  });

  it('tells times as its own clock shows them', () => {
    expect(windowTime(at('2026-11-26T13:00:00Z'), 'Asia/Kathmandu')).toBe(
      'thu 2026-11-26 18:45 Asia/Kathmandu',
    );
  });
});

/** Written apart: the wall clock as ISO text, every minute looked at by itself. */
function openByMinute({ days, from, to, timeZone, blocked }: ChangeWindow) {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone,
    dateStyle: 'short',
    timeStyle: 'short',
  });
  const good = (date: string): boolean =>
    days.includes(WEEKDAYS[new Date(date).getUTCDay()] ?? 'sun') &&
    !blocked.some((span) => {
      const [first = '', last = first] = span.split('..');
      return first <= date && date <= last;
    });
  return (ms: number): boolean => {
    const [date = '', time = ''] = format.format(ms).split(' ');
    const yesterday = new Date(Date.parse(date) - 86_400_000).toISOString().slice(0, 10);
    if (
      blocked.some((span) => date >= (span.split('..')[0] ?? '') && date <= (span.split('..').at(-1) ?? ''))
    )
      return false;
    if (from < to) return good(date) && time >= from && time < to;
    return (good(date) && time >= from) || (good(yesterday) && time < to);
  };
}

describe('for any window at any instant', () => {
  // The day before clocks change in one of them: by an hour, by half an hour (Lord Howe), for Ramadan (Casablanca), never.
  const changes = [
    ['Europe/Berlin', '2026-03-28'],
    ['Europe/Berlin', '2026-10-24'],
    ['America/New_York', '2026-03-07'],
    ['America/New_York', '2026-10-31'],
    ['Australia/Lord_Howe', '2026-04-04'],
    ['Australia/Lord_Howe', '2026-10-03'],
    ['Africa/Casablanca', '2026-02-14'],
    ['Asia/Kathmandu', '2026-07-01'],
  ] as const;
  const BLOCKED = ['2026-03-29', '2026-10-24', '2026-03-07..2026-03-08', '2026-04-05', '2026-11-01'];
  const anyTime = fc
    .integer({ min: 0, max: 287 })
    .map(
      (five) =>
        `${String(Math.floor(five / 12)).padStart(2, '0')}:${String((five % 12) * 5).padStart(2, '0')}`,
    );
  const time = fc.oneof(anyTime, fc.constantFrom('01:30', '02:00', '02:15', '02:30', '03:00', '03:30'));
  const asked = fc
    .record({
      change: fc.constantFrom(...changes),
      days: fc.oneof(fc.constant(WEEKDAYS), fc.uniqueArray(fc.constantFrom(...WEEKDAYS), { minLength: 1 })),
      from: time,
      to: fc.oneof(time, fc.constant('24:00')),
      blocked: fc.oneof(fc.constant([]), fc.array(fc.constantFrom(...BLOCKED))),
      seconds: fc.integer({ min: 0, max: 36 * 3600 }),
      neededMinutes: fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 600 })),
    })
    .filter(({ from, to }) => from !== to)
    .map(({ change: [timeZone, date], days, from, to, blocked, seconds, neededMinutes }) => ({
      window: { days, from, to, timeZone, blocked },
      nowMs: at(`${date}T00:00:00Z`) + seconds * 1000,
      neededMinutes,
    }));
  const LOOKED_MINUTES = 2160;

  /** How many minutes from each minute on are inside, one after the other; told from the end. */
  function insideFrom(window: ChangeWindow, fromMs: number, minutes: number): number[] {
    const isOpen = openByMinute(window);
    const inside = new Array<number>(minutes + 1).fill(0);
    for (let minute = minutes - 1; minute >= 0; minute -= 1)
      inside[minute] = isOpen(fromMs + minute * MINUTE_MS) ? (inside[minute + 1] ?? 0) + 1 : 0;
    return inside;
  }

  /** By looking at every minute: when it is open next for long enough; undefined: not among those looked at. */
  function nextByMinute(window: ChangeWindow, nowMs: number, neededMinutes: number): number | undefined {
    const fromMs = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS;
    const inside = insideFrom(window, fromMs, LOOKED_MINUTES + neededMinutes + 1);
    if ((inside[0] ?? 0) >= Math.max(1, neededMinutes + (nowMs > fromMs ? 1 : 0))) return nowMs;
    const first = inside.findIndex((length, minute) => minute > 0 && length >= Math.max(1, neededMinutes));
    return first === -1 || first > LOOKED_MINUTES ? undefined : fromMs + first * MINUTE_MS;
  }

  it('it is open exactly when every minute that is needed is inside, and opens next at the first such minute', () => {
    fc.assert(
      fc.property(asked, ({ window, nowMs, neededMinutes }) => {
        const answer = askWindow(window, nowMs, neededMinutes * MINUTE_MS);
        const opensMs = answer.kind === 'open' ? nowMs : (answer.opensMs ?? Number.POSITIVE_INFINITY);
        const expected = nextByMinute(window, nowMs, neededMinutes);
        if (expected !== undefined) expect(opensMs).toBe(expected);
        else expect(opensMs).toBeGreaterThan(nowMs + (LOOKED_MINUTES - 1) * MINUTE_MS);
      }),
      { numRuns: 80 },
    );
  });
});
