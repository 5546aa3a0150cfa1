import { parseDurationMs } from '../../config/duration.ts';
import { UpliftError } from '../../core/error.ts';

/** A duration given as a flag, in ms, or UPL-USAGE naming the flag. Read in the command: what parses it is not loaded for `--help`. */
export function durationFlag(flag: string, text: string): number {
  const ms = parseDurationMs(text);
  if (ms !== undefined && ms > 0) return ms;
  throw new UpliftError('UPL-USAGE', { message: `${flag} ${text}: write it as 30s, 5m or 1h.` });
}
