import { parseDurationMs } from '../../config/duration.ts';
import { UpliftError } from '../../core/error.ts';

const DATE = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?Z?)?$/;

/** `90d` before now, or a date (UTC), as ms since the epoch. Throws UPL-USAGE. */
export function sinceMs(text: string, nowMs: number): number {
  const duration = parseDurationMs(text);
  if (duration !== undefined) return nowMs - duration;
  const at = DATE.test(text)
    ? Date.parse(text.includes('T') && !text.endsWith('Z') ? `${text}Z` : text)
    : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw new UpliftError('UPL-USAGE', {
    message: `--since ${text}: write it as 90d or 12h, or as a date, 2026-01-01.`,
  });
}
