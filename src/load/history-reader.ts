import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { reasonOf, UpliftError } from '../core/error.ts';
import {
  type EndEntry,
  type HistoryEntry,
  type HistoryHeader,
  type HistoryLine,
  lineSchema,
  type Op,
  type ReadEntry,
} from './entries.ts';

export interface HistoryReport {
  readonly header: HistoryHeader;
  /** Null when the load did not come to its end: what was in flight then is unknown, and phantoms cannot be judged. */
  readonly end: EndEntry | null;
  readonly lines: number;
  /** Bytes of a last line that was being written when its process died; such a line counts as not there. */
  readonly tornBytes: number;
  /** Whether the bytes are those the `end` line was written over. */
  readonly digest: 'equal' | 'different' | 'absent';
  readonly sha256: string;
}

/** Longest line a reader takes into memory; ours are below 1 KiB. */
const MAX_LINE_BYTES = 1_048_576;

/**
 * Streams a history from disk, one entry at a time, in bounded memory. A torn last line is reported, not an error; any
 * other damage is UPL-INPUT-INVALID with the line number.
 */
export async function readHistory(
  path: string,
  onEntry: (entry: HistoryEntry) => void,
): Promise<HistoryReport> {
  const fold = lineFold(path, onEntry);
  let rest: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of createReadStream(path)) {
      let buffer = Buffer.concat([rest, chunk as Buffer]);
      for (let at = buffer.indexOf(10); at !== -1; at = buffer.indexOf(10)) {
        fold.line(buffer.subarray(0, at + 1));
        buffer = buffer.subarray(at + 1);
      }
      if (buffer.length > MAX_LINE_BYTES)
        throw invalid(path, `a line is longer than ${MAX_LINE_BYTES} bytes`);
      rest = buffer;
    }
  } catch (error) {
    if (error instanceof UpliftError) throw error;
    throw invalid(path, reasonOf(error), error);
  }
  return fold.report(rest.length);
}

interface LineFold {
  line(bytes: Buffer): void;
  report(restBytes: number): HistoryReport;
}

function lineFold(path: string, onEntry: (entry: HistoryEntry) => void): LineFold {
  const hash = createHash('sha256');
  let header: HistoryHeader | undefined;
  let end: EndEntry | null = null;
  let lines = 0;
  /** A damaged line is tolerated only as the last one: power loss can leave a line end after bytes that never came. */
  let damaged: { readonly bytes: number; readonly reason: string } | undefined;

  return {
    line(bytes) {
      if (damaged !== undefined) throw invalid(path, `line ${lines + 1}: ${damaged.reason}`);
      if (end !== null) throw invalid(path, `line ${lines + 1}: there is something after the end line`);
      const parsed = parseLine(bytes);
      if (typeof parsed === 'string') {
        damaged = { bytes: bytes.length, reason: parsed };
        return;
      }
      lines += 1;
      if ((lines === 1) !== (parsed.t === 'header'))
        throw invalid(path, `line ${lines}: the header must be the first line`);
      if (parsed.t === 'end') {
        end = parsed;
        return;
      }
      hash.update(bytes);
      if (parsed.t === 'header') header = parsed;
      else onEntry(parsed);
    },
    report(restBytes) {
      if (header === undefined) throw invalid(path, 'it has no whole header line');
      const sha256 = hash.digest('hex');
      const digest = end === null ? 'absent' : end.sha256 === sha256 ? 'equal' : 'different';
      return { header, end, lines, tornBytes: restBytes + (damaged?.bytes ?? 0), digest, sha256 };
    },
  };
}

function parseLine(bytes: Buffer): HistoryLine | string {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return 'not JSON';
  }
  const result = lineSchema.safeParse(value);
  return result.success ? result.data : 'not an entry of a history';
}

function invalid(path: string, reason: string, cause?: unknown): UpliftError {
  return new UpliftError('UPL-INPUT-INVALID', {
    message: `${path}: ${reason}.`,
    ...(cause === undefined ? {} : { cause }),
  });
}

export interface LoadedHistory {
  readonly report: HistoryReport;
  readonly ops: readonly Op[];
  readonly reads: readonly ReadEntry[];
}

/** Reads a history and joins invocations with their completions; memory grows with the number of attempts. */
export async function loadHistory(path: string): Promise<LoadedHistory> {
  const ops = new Map<number, Op>();
  const reads: ReadEntry[] = [];
  const report = await readHistory(path, (entry) => {
    if (entry.t === 'read') {
      reads.push(entry);
    } else if (entry.t === 'invoke') {
      const { op, verb, reservation, resource, partition, attempt, gateway, dueUs, sentUs } = entry;
      if (ops.has(op)) throw invalid(path, `operation ${op} is invoked twice`);
      ops.set(op, {
        op,
        eventId: entry.event,
        verb,
        reservation,
        resource,
        partition,
        attempt,
        gateway,
        dueUs,
        sentUs,
        outcome: 'open',
        doneUs: null,
        token: null,
        reason: null,
      });
    } else {
      const invoked = ops.get(entry.op);
      if (invoked === undefined)
        throw invalid(path, `operation ${entry.op} completes without having been invoked`);
      if (invoked.outcome !== 'open') throw invalid(path, `operation ${entry.op} completes twice`);
      ops.set(entry.op, {
        ...invoked,
        outcome: entry.t,
        doneUs: entry.atUs,
        token: entry.token,
        reason: entry.reason,
      });
    }
  });
  return { report, ops: [...ops.values()], reads };
}
