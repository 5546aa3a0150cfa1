import { z } from 'zod';

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const PATTERN = /^(\d{1,12})(ms|s|m|h|d)$/;
const MESSAGE = 'must be a duration such as 500ms, 5s, 2m, 12h or 7d';

/**
 * A duration as people write it (`500ms`, `5s`, `2m`, `12h`, `7d`), parsed to milliseconds. A bare number is refused:
 * nobody can tell its unit. Give defaults as text: `duration.prefault('5s')`.
 */
export const duration = z
  .string({ error: MESSAGE })
  .regex(PATTERN, { error: MESSAGE })
  .transform((text, context) => {
    const ms = parseDurationMs(text);
    if (ms !== undefined) return ms;
    context.addIssue({ code: 'custom', message: MESSAGE });
    return z.NEVER;
  })
  .describe('A duration: 500ms, 5s, 2m, 12h, 7d.');

/** Milliseconds, or undefined for what is no duration or longer than a safe integer. */
export function parseDurationMs(text: string): number | undefined {
  const [, digits, unit] = PATTERN.exec(text) ?? [];
  if (digits === undefined || unit === undefined) return undefined;
  const ms = Number(digits) * UNIT_MS[unit as keyof typeof UNIT_MS];
  return Number.isSafeInteger(ms) ? ms : undefined;
}
