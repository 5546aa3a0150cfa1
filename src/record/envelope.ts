import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Json } from '../core/step.ts';
import type { DsseEnvelope } from './dsse.ts';

/** One line of a journal: what happened, when by both clocks, by whom, chained to the line before. */
export interface Entry {
  readonly v: 1;
  readonly runId: string;
  /** 0, 1, 2, … without a gap. */
  readonly seq: number;
  /** SHA-256 (hex) of the bytes of the line before, without its line break; 64 zeros on the first line. */
  readonly prev: string;
  /** ISO 8601, UTC: for people and for comparing machines. */
  readonly wall: string;
  /** Monotonic clock in ns as a decimal string (64 bits do not fit a JSON number): for durations within one boot. */
  readonly monoNs: string;
  /** Who wrote it, e.g. `drill.run pid 4711`. */
  readonly actor: string;
  readonly kind: string;
  readonly body: Json;
}

/** Body of the last line. `self` covers the seal line itself, which no later line could hash. */
export interface SealBody {
  /** Lines before the seal. */
  readonly count: number;
  /** Hash of the last of them: the record's name for people. */
  readonly head: string;
  /** SHA-256 of the seal line in canonical form with `self` set to the empty string. */
  readonly self: string;
  /** Signature over the lines before the seal and over the seal's own facts; absent: sealed, but not signed. */
  readonly dsse?: DsseEnvelope;
}

export const GENESIS = '0'.repeat(64);
export const SEAL_KIND = 'seal';
export const RESUMED_KIND = 'journal.resumed';
/** Longest line in bytes; evidence belongs into files of the run, not into its journal. */
export const MAX_LINE_BYTES = 1024 * 1024;

const encoder = new TextEncoder();

/** Bytes of a line without its line break: canonical JSON (RFC 8785), UTF-8. */
export function encodeLine(entry: Entry): Uint8Array {
  const text = canonicalize({ ...entry, body: wellFormed(entry.body) });
  if (text === undefined) throw new TypeError('An entry must be JSON.');
  const bytes = encoder.encode(text);
  if (bytes.length > MAX_LINE_BYTES)
    throw new RangeError(`A journal line of ${bytes.length} bytes is longer than ${MAX_LINE_BYTES}.`);
  return bytes;
}

export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The seal of a chain that has `seq` lines and ends with `prev`; `dsse` as it is, undefined for one without a signature. */
export function sealEntry(entry: Omit<Entry, 'kind' | 'body'>, dsse?: DsseEnvelope): Entry {
  const body = { count: entry.seq, head: entry.prev, self: '', ...(dsse === undefined ? {} : { dsse }) };
  const open = { ...entry, kind: SEAL_KIND, body } as unknown as Entry;
  return { ...open, body: { ...body, self: hashOf(encodeLine(open)) } as unknown as Json };
}

/** A lone surrogate (half of a cut error message) has no UTF-8 and no canonical form: it becomes U+FFFD. */
function wellFormed(value: Json): Json {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map((child: Json) => wellFormed(child));
  if (value === null || typeof value !== 'object') return value;
  const present = Object.entries(value).filter(([, child]) => child !== undefined);
  return Object.fromEntries(present.map(([key, child]) => [key.toWellFormed(), wellFormed(child as Json)]));
}
