import { createHash } from 'node:crypto';

/** Where a list goes on: the key of the last entry that was shown. */
export type Position = readonly string[];

/**
 * A position as it goes over HTTP, bound to its list. `scope` says which list it is, tenant first: a cursor that is
 * damaged, or of another list, is none. That is no secret: what a tenant may see, the statement decides.
 */
export function encodeCursor(scope: readonly string[], position: Position): string {
  const text = JSON.stringify(position);
  return Buffer.from(`${sumOf(scope, text)}${text}`, 'utf8').toString('base64url');
}

/** The position, or undefined for anything that is no cursor of this list. */
export function decodeCursor(scope: readonly string[], cursor: string): Position | undefined {
  const bytes = Buffer.from(cursor, 'base64url');
  // The decoder skips what it cannot read: that would be damage nobody sees.
  if (bytes.toString('base64url') !== cursor) return undefined;
  const whole = bytes.toString('utf8');
  const text = whole.slice(SUM_DIGITS);
  if (whole.slice(0, SUM_DIGITS) !== sumOf(scope, text)) return undefined;
  const position = jsonOf(text);
  return Array.isArray(position) && position.every((part) => typeof part === 'string') ? position : undefined;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const SUM_DIGITS = 16;

function sumOf(scope: readonly string[], text: string): string {
  return createHash('sha256')
    .update(JSON.stringify([...scope, text]))
    .digest('hex')
    .slice(0, SUM_DIGITS);
}
