import { createHash } from 'node:crypto';
import { toKafkaJsHeaders } from '../clients/kafka/headers.ts';
import type { InRecord, OutRecord } from '../clients/kafka/ports.ts';
import {
  type DeadLetter,
  originalHeaders,
  originKey,
  type RecordHeaders,
  readDeadLetter,
  replayHeaders,
} from '../contract/dead-letter.ts';
import { reasonOf } from '../core/error.ts';

/** A record of a dead letter topic, without its bytes: what is needed to count, plan and recognise it. */
export interface LetterSeen {
  /** Where it stands in the dead letter topic. */
  readonly partition: number;
  readonly offset: bigint;
  readonly timestampMs: number;
  /** What its headers say; null when they are not ours or not whole. */
  readonly letter: DeadLetter | null;
  /** SHA-256 (hex) over key, value and original headers. */
  readonly sha256: string;
  /** The key as base64; null when it has none. */
  readonly key: string | null;
  /** Upper bound of the bytes of a record batch that holds nothing but its replay. */
  readonly replayBytes: number;
  /** Why its headers cannot be carried unchanged by the producer; null when they can. */
  readonly cannotCarry: string | null;
}

type Content = Pick<InRecord, 'key' | 'value' | 'headers'>;

/** A UUID: every replay id has this length. */
const SOME_ID = '00000000-0000-0000-0000-000000000000';

/** Reads one record of a dead letter topic. Never throws: what it is not, it says. */
export function seeLetter(partition: number, record: InRecord): LetterSeen {
  const letter = readDeadLetter(record.headers) ?? null;
  const sent = letter === null ? null : replayOf(record, letter, SOME_ID);
  return {
    partition,
    offset: record.offset,
    timestampMs: record.timestampMs,
    letter,
    sha256: contentHash(record),
    key: record.key === null ? null : record.key.toString('base64'),
    replayBytes: sent === null ? 0 : batchBytes(sent),
    cannotCarry: sent === null ? null : whyNotCarried(sent.headers),
  };
}

/** The record that replays a dead letter: same key and value, the original headers, then those of the replay. */
export function replayOf(record: Content, letter: DeadLetter, replayId: string): OutRecord {
  const { origin, attempt } = letter;
  const headers = replayHeaders(record.headers, { id: replayId, origin, attempt });
  return { key: record.key, value: record.value, headers };
}

/**
 * SHA-256 (hex) over key, value and original headers. Every part is preceded by its length (8 bytes, -1 for null), so
 * that null and empty differ and bytes cannot wander from one part to the next.
 */
export function contentHash(content: Content): string {
  const hash = createHash('sha256');
  const add = (bytes: Buffer | null): void => {
    const length = Buffer.alloc(8);
    length.writeBigInt64BE(BigInt(bytes?.length ?? -1));
    hash.update(length);
    if (bytes !== null) hash.update(bytes);
  };
  add(content.key);
  add(content.value);
  for (const [key, value] of originalHeaders(content.headers)) {
    add(key);
    add(value);
  }
  return hash.digest('hex');
}

/** Identity of a letter: copies of one letter have the same. */
export function letterKey({ origin, attempt }: DeadLetter): string {
  return `${originKey(origin)}#${attempt}`;
}

function whyNotCarried(headers: RecordHeaders): string | null {
  try {
    toKafkaJsHeaders(headers);
    return null;
  } catch (error) {
    return reasonOf(error);
  }
}

/** Head of a record batch v2. */
const BATCH_HEAD_BYTES = 61;
/** Length, attributes, timestamp and offset delta, three lengths; every varint at its longest. */
const RECORD_HEAD_BYTES = 5 + 1 + 10 + 5 + 5 + 5 + 5;
/** Two lengths. */
const HEADER_HEAD_BYTES = 10;

function batchBytes({ key, value, headers }: OutRecord): number {
  const inHeaders = headers.reduce(
    (sum, [name, content]) => sum + HEADER_HEAD_BYTES + name.length + (content?.length ?? 0),
    0,
  );
  return BATCH_HEAD_BYTES + RECORD_HEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0) + inHeaders;
}
