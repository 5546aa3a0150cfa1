/** Bytes as people can read them. */
export interface ShownBytes {
  readonly encoding: 'utf8' | 'hex';
  /** Of the whole, not of the part shown. */
  readonly bytes: number;
  readonly text: string;
  readonly truncated: boolean;
}

const MAX_BYTES = 4_096;

/**
 * Text where the bytes are valid UTF-8 without control characters other than line breaks and tabs, hex otherwise; at
 * most 4 KiB of it. Null stays null: it is not the same as empty.
 */
export function showBytes(bytes: Buffer | null): ShownBytes | null {
  if (bytes === null) return null;
  const truncated = bytes.length > MAX_BYTES;
  const part = truncated ? bytes.subarray(0, MAX_BYTES) : bytes;
  const text = textIn(part, truncated);
  return {
    encoding: text === undefined ? 'hex' : 'utf8',
    bytes: bytes.length,
    text: text ?? part.toString('hex'),
    truncated,
  };
}

function textIn(part: Buffer, cut: boolean): string | undefined {
  try {
    // In a stream the decoder keeps a letter that the cut went through for later.
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(part, { stream: cut });
    return /(?![\n\r\t])\p{Cc}/u.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/** One line for people; a JSON text stays as it is. */
export function shownText(shown: ShownBytes | null): string {
  if (shown === null) return 'null';
  if (shown.bytes === 0) return 'empty';
  const rest = shown.truncated ? ` … (${shown.bytes} bytes in all)` : '';
  return shown.encoding === 'hex' ? `0x${shown.text}${rest}` : `${shown.text}${rest}`;
}
