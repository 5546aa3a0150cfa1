import canonicalize from 'canonicalize';
import {
  type Entry,
  GENESIS,
  hashOf,
  MAX_LINE_BYTES,
  SEAL_KIND,
  type SealBody,
  sealEntry,
} from './envelope.ts';

/**
 * `sealed`: complete and unaltered. `unsealed`: a valid chain without an end, possibly with a torn last line; the run
 * goes on or was killed; never valid as proof. `broken`: altered, or followed by something that is not ours.
 */
export type RecordStatus = 'sealed' | 'unsealed' | 'broken';

export interface RecordProblem {
  /** 1-based, as editors count. */
  readonly line: number;
  readonly message: string;
}

export interface RecordView {
  readonly status: RecordStatus;
  /** The valid lines from the start, without the seal; what comes after the first problem is not in it. */
  readonly entries: readonly Entry[];
  readonly problems: readonly RecordProblem[];
  /** Bytes of the valid prefix, whole lines only. */
  readonly validBytes: number;
  /** Bytes after the prefix that look like a write cut short: no line break, or zeros of a file system. */
  readonly tornBytes: number;
  /** Hash of the last valid line before the seal; 64 zeros when there is none. */
  readonly head: string;
  readonly seal?: SealBody;
  /** Of a sealed one: its last line, and the SHA-256 of all bytes before it. */
  readonly sealed?: { readonly entry: Entry; readonly contentSha256: string };
}

interface Chain {
  readonly runId: string | undefined;
  readonly seq: number;
  readonly prev: string;
}

const NEWLINE = 0x0a;

/**
 * Checks a record from its bytes alone; pure, so that somebody who was not there can run it on a copy. `runId`: the run that
 * was asked for; a whole record of another one is broken at its first line. Absent: whichever it is of.
 */
export function verifyRecord(bytes: Uint8Array, runId?: string): RecordView {
  const entries: Entry[] = [];
  let chain: Chain = { runId, seq: 0, prev: GENESIS };
  let at = 0;
  const stop = (status: RecordStatus, tornBytes: number, message?: string): RecordView => {
    const problems = message === undefined ? [] : [{ line: entries.length + 1, message }];
    return { status, entries, problems, validBytes: at, tornBytes, head: chain.prev };
  };
  while (at < bytes.length) {
    const end = bytes.indexOf(NEWLINE, at);
    const rest = bytes.length - at;
    if (end === -1)
      return stop('unsealed', rest, `The last line was cut short: ${rest} bytes without a line break.`);
    const line = bytes.subarray(at, end);
    const read = readLine(line, chain);
    if (typeof read === 'string') {
      const zeros = bytes.subarray(at).every((byte) => byte === 0 || byte === NEWLINE) && line.length > 0;
      return zeros
        ? stop('unsealed', rest, 'The end of the file is zeros: a write that never reached the disk.')
        : stop('broken', 0, read);
    }
    if (read.kind === SEAL_KIND) return sealed(read, entries, chain, { bytes, start: at, end: end + 1 });
    entries.push(read);
    chain = { runId: read.runId, seq: read.seq + 1, prev: hashOf(line) };
    at = end + 1;
  }
  return stop('unsealed', 0);
}

interface Span {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

function sealed(
  seal: Entry,
  entries: readonly Entry[],
  chain: Chain,
  { bytes, start, end }: Span,
): RecordView {
  const view = { entries, validBytes: end, tornBytes: 0, head: chain.prev };
  const after = bytes.length - end;
  const line = entries.length + 1;
  const body = seal.body as Partial<SealBody> | null;
  const isOurs = end - start <= MAX_LINE_BYTES + 1;
  // A signature stands in it as it is: what it says is another question (`checkSignature`).
  const expected = isOurs ? (sealEntry(seal, body?.dsse).body as unknown as SealBody) : undefined;
  if (expected === undefined || canonicalize(body) !== canonicalize(expected)) {
    return {
      ...view,
      status: 'broken',
      validBytes: start,
      problems: [{ line, message: 'The seal does not fit the lines before it.' }],
    };
  }
  if (after > 0)
    return {
      ...view,
      status: 'broken',
      problems: [{ line: line + 1, message: `${after} bytes follow the seal.` }],
    };
  const contentSha256 = hashOf(bytes.subarray(0, start));
  return { ...view, status: 'sealed', problems: [], seal: expected, sealed: { entry: seal, contentSha256 } };
}

/** The entry of a line that continues the chain, or what is wrong with it. */
function readLine(line: Uint8Array, chain: Chain): Entry | string {
  const text = textOf(line);
  if (text === undefined) return 'The line is not UTF-8.';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'The line is not JSON.';
  }
  const problem = shapeProblem(value);
  if (problem !== undefined) return problem;
  const entry = value as Entry;
  if (canonical(entry) !== text) return 'The line is not in canonical form.';
  if (entry.seq !== chain.seq) return `The line has number ${entry.seq} where ${chain.seq} was due.`;
  if (entry.prev !== chain.prev)
    return 'The line does not continue the one before it: something was altered, added or taken away.';
  if (chain.runId !== undefined && entry.runId !== chain.runId)
    return `The line belongs to run ${entry.runId}, not to ${chain.runId}.`;
  return entry;
}

function textOf(line: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line);
  } catch {
    return undefined;
  }
}

function canonical(value: unknown): string | undefined {
  try {
    return canonicalize(value);
  } catch {
    return undefined;
  }
}

const KEYS = ['actor', 'body', 'kind', 'monoNs', 'prev', 'runId', 'seq', 'v', 'wall'];

function shapeProblem(value: unknown): string | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return 'The line is no entry.';
  const entry = value as Record<string, unknown>;
  if (Object.keys(entry).toSorted().join() !== KEYS.join())
    return `The line must have exactly the fields ${KEYS.join(', ')}.`;
  if (entry.v !== 1) return 'The line has a version this uplift does not know.';
  const texts = ['runId', 'prev', 'wall', 'monoNs', 'actor', 'kind'].every(
    (key) => typeof entry[key] === 'string',
  );
  if (!texts || !Number.isSafeInteger(entry.seq) || !/^\d+$/.test(String(entry.monoNs)))
    return 'A field of the line has the wrong type.';
  return undefined;
}
