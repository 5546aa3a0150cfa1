const LONGEST_KEY_CHARS = 255;
/** A key as it is: visible characters, and no quotation mark in front. */
const BARE = /^[\x21\x23-\x7e][\x21-\x7e]*$/;
/** A String of structured fields (RFC 9651, section 3.3.3), and nothing behind it. */
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;
/** All of a key escaped, and the quotes. */
const LONGEST_FIELD_CHARS = 2 * LONGEST_KEY_CHARS + 2;

/**
 * The key that a field says, 1 … 255 characters; undefined when it says none. The draft wants a String of structured fields
 * (draft-ietf-httpapi-idempotency-key-header), most clients send the bare key: both forms name the same key, so that a client
 * which changes its library between two tries does not book twice.
 */
export function idempotencyKeyOf(field: string): string | undefined {
  if (field.length > LONGEST_FIELD_CHARS) return undefined;
  const key = BARE.test(field) ? field : QUOTED.exec(field)?.[1]?.replace(/\\(["\\])/g, '$1');
  return key === undefined || key === '' || key.length > LONGEST_KEY_CHARS ? undefined : key;
}
