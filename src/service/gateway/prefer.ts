/** One preference: a token, and a value that may be quoted; parameters behind a semicolon are none of ours (RFC 7240). */
const PREFERENCE = /^\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:"([^"]*)"|([^\s;"]*)))?\s*(?:;.*)?$/s;
/** Commas outside of quotes. A quote that is not closed ends with the field. */
const PARTS = /(?:"[^"]*"?|[^,"])+/g;
/** A longer field says nothing that we know, and to look for it could take as long as its square. */
const LONGEST_FIELD = 1024;

/**
 * Seconds a client prefers to wait, at most `longestS`; undefined when it does not, or does not say it in whole seconds
 * from 1 on. Of several `wait` the first counts, as RFC 7240 wants it.
 */
export function waitSecondsOf(field: string | undefined, longestS: number): number | undefined {
  if (field === undefined || field.length > LONGEST_FIELD) return undefined;
  for (const part of field.match(PARTS) ?? []) {
    const match = PREFERENCE.exec(part);
    if (match?.[1]?.toLowerCase() !== 'wait') continue;
    const value = match[2] ?? match[3] ?? '';
    if (!/^\d{1,9}$/.test(value) || Number(value) === 0) return undefined;
    return Math.min(Number(value), longestS);
  }
  return undefined;
}
