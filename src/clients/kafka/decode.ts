import type { RecordsBatch } from '@platformatic/kafka';
import type { Header, InRecord } from './ports.ts';

/** Bits of a record batch's attributes (Kafka protocol, record batch format v2). */
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

export interface Decoded {
  readonly records: readonly InRecord[];
  readonly nextOffset: bigint;
  /** About what the records hold in memory. */
  readonly bytes: number;
}

/** The log holds something this reader must not hand over as if it were plain data. */
export class UnreadableBatch extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'UnreadableBatch';
  }
}

/**
 * Records at or above `from`, ascending, and the offset after the last batch. A fetch answers whole batches, so it may
 * begin below the asked position: such records are dropped. Control batches carry no records but count in the offset,
 * and a batch's last offset counts even when compaction removed its last record.
 * Throws UnreadableBatch for transactional data: without the abort filter committed and aborted look alike.
 */
export function decodeBatches(batches: readonly RecordsBatch[], from: bigint): Decoded {
  const records: InRecord[] = [];
  let last: InRecord | undefined;
  let nextOffset = from;
  let bytes = 0;
  for (const batch of batches) {
    if (batch.magic !== 2)
      throw new UnreadableBatch(`record format ${batch.magic} at offset ${batch.firstOffset}`);
    const end = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
    if (end <= nextOffset) continue;
    if ((batch.attributes & CONTROL) === 0) {
      if ((batch.attributes & TRANSACTIONAL) !== 0)
        throw new UnreadableBatch(`a transactional record at offset ${batch.firstOffset}`);
      for (const raw of batch.records) {
        const offset = batch.firstOffset + BigInt(raw.offsetDelta);
        if (offset < nextOffset) continue;
        const record = toRecord(batch, raw, { offset, headersBefore: last?.headers ?? [] });
        last = record;
        records.push(record);
        bytes += sizeOf(record);
      }
    }
    nextOffset = end;
  }
  return { records, nextOffset, bytes };
}

/** First data record at or after an offset. */
export interface FirstRecord {
  readonly offset: bigint;
  /** Epoch ms; -1 on records without one. */
  readonly timestampMs: number;
}

/**
 * The first data record at or above `from`, or the offset up to which there is none. Transactional records count
 * whether they were committed or not: this tells when something was written, and hands nothing over.
 */
export function firstRecord(
  batches: readonly RecordsBatch[],
  from: bigint,
): FirstRecord | { readonly noneBelow: bigint } {
  let noneBelow = from;
  for (const batch of batches) {
    const end = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
    if (end <= noneBelow) continue;
    if ((batch.attributes & CONTROL) === 0) {
      for (const raw of batch.records) {
        const offset = batch.firstOffset + BigInt(raw.offsetDelta);
        if (offset >= from) return { offset, timestampMs: Number(timestampOf(batch, raw)) };
      }
    }
    noneBelow = end;
  }
  return { noneBelow };
}

/** With LogAppendTime the broker rewrites only the batch's head: its max timestamp is the time of every record in it. */
function timestampOf(batch: RecordsBatch, raw: RecordsBatch['records'][number]): bigint {
  const logAppendTime = (batch.attributes & LOG_APPEND_TIME) !== 0;
  return logAppendTime ? batch.maxTimestamp : batch.firstTimestamp + raw.timestampDelta;
}

function toRecord(
  batch: RecordsBatch,
  raw: RecordsBatch['records'][number],
  { offset, headersBefore }: { readonly offset: bigint; readonly headersBefore: readonly Header[] },
): InRecord {
  return {
    offset,
    leaderEpoch: batch.partitionLeaderEpoch,
    timestampMs: Number(timestampOf(batch, raw)),
    key: raw.key,
    value: raw.value,
    headers: raw.headers.map(([key, value], at) => headerLike(headersBefore[at], key ?? NO_BYTES, value)),
  };
}

const NO_BYTES = Buffer.alloc(0);
const LONGEST_SHARED = 16;

/**
 * A header, of the same buffers as that of the record before where they hold the same: names always do, and a buffer is
 * some hundred bytes that the garbage collector has to copy, for a name of ten.
 */
function headerLike(before: Header | undefined, key: Buffer, value: Buffer | null): Header {
  if (before === undefined || !isSame(before[0], key)) return [key, value];
  const [sameKey, valueBefore] = before;
  if (value === null || valueBefore === null || value.length > LONGEST_SHARED) return [sameKey, value];
  return isSame(valueBefore, value) ? before : [sameKey, value];
}

const isSame = (one: Buffer, other: Buffer): boolean => one.length === other.length && one.equals(other);

/** Payload and about 200 bytes for the objects around it. */
function sizeOf(record: InRecord): number {
  const headers = record.headers.reduce((sum, [key, value]) => sum + key.length + (value?.length ?? 0), 0);
  return (record.key?.length ?? 0) + (record.value?.length ?? 0) + headers + 200;
}
