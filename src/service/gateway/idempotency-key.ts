/** A key as it is: visible characters, and no quotation mark in front. */
const PLAIN = /^[\x21\x23-\x7e][\x21-\x7e]{0,254}$/;
/** A String of structured fields (RFC 9651, section 3.3.3), and nothing behind it. */
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;
const LONGEST = 255;

/**
 * The key that a field says, 1 … 255 characters of ASCII; undefined when it says none. The draft wants a String of structured
 * fields (draft-ietf-httpapi-idempotency-key-header), most clients send the bare key: both forms name the same key, so that a
 * client which changes its library between two tries does not book twice.
 */
export function idempotencyKeyOf(field: string): string | undefined {
  if (PLAIN.test(field)) return field;
  // Longer than any key could be with all of it escaped.
  if (field.length > 2 * LONGEST + 2) return undefined;
  const key = QUOTED.exec(field)?.[1]?.replace(/\\(["\\])/g, '$1');
  return key === undefined || key.length === 0 || key.length > LONGEST ? undefined : key;
}
