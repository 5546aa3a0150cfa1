import type { Header } from '../../clients/kafka/ports.ts';

/** A command whose append ended without an answer: exactly the bytes that were sent, to be sent again. */
export interface UnknownOutcome {
  readonly tenant: string;
  readonly eventId: string;
  readonly topic: string;
  /** Of the topic when it was sent. */
  readonly topicId: string;
  readonly partition: number;
  readonly record: { readonly key: Buffer; readonly value: Buffer; readonly headers: readonly Header[] };
  /** Fingerprint of what was asked for. */
  readonly payload: string;
  readonly issuedAtMs: number;
  /** Log time after which it is decided `expired`. */
  readonly notAfterMs: number;
}

/** Headers as JSON: a list of [key, value or null], both base64. */
export function encodeHeaders(headers: readonly Header[]): string {
  return JSON.stringify(headers.map(([key, value]) => [base64(key), value === null ? null : base64(value)]));
}

/** Headers of `encodeHeaders`; throws for anything else. */
export function decodeHeaders(text: string): Header[] {
  const parsed: unknown = JSON.parse(text);
  if (!Array.isArray(parsed)) throw new RangeError('headers are not a list');
  return parsed.map((pair: unknown): Header => {
    const [key, value]: unknown[] = Array.isArray(pair) ? pair : [];
    if (typeof key !== 'string' || (value !== null && typeof value !== 'string'))
      throw new RangeError('a header is not a pair of texts');
    return [Buffer.from(key, 'base64'), value === null ? null : Buffer.from(value, 'base64')];
  });
}

const base64 = (bytes: Buffer): string => bytes.toString('base64');
