import { createHash, type Hash } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { reasonOf, UpliftError } from '../core/error.ts';
import type { Json } from '../core/step.ts';
import type { AppendFile } from './append-file.ts';
import { type Entry, encodeLine, GENESIS, hashOf, SEAL_KIND, type SealBody, sealEntry } from './envelope.ts';
import { type Signing, signSeal } from './statement.ts';
import type { WriterClaim } from './writer-claim.ts';

export interface JournalOptions {
  readonly runId: string;
  /** Who writes: stands on every line. */
  readonly actor: string;
  readonly clock: Clock;
}

/** Append-only, fsynced, hash-chained. An append that resolved is on disk; one that rejected may or may not be. */
export interface Journal {
  readonly path: string;
  readonly runId: string;
  append(kind: string, body: Json): Promise<Entry>;
  /** Ends the record: last line, signed when told how, read-only, closed. What was queued is written before it. */
  seal(signing?: Signing): Promise<SealBody>;
  /** Closes without sealing: the record stays incomplete. */
  close(): Promise<void>;
}

/** Where a chain goes on. */
export interface ChainEnd {
  readonly seq: number;
  readonly prev: string;
  /** Every byte up to there, hashed. */
  readonly content: Hash;
}

export const chainStart = (): ChainEnd => ({ seq: 0, prev: GENESIS, content: createHash('sha256') });
const MAX_QUEUED = 4_096;

interface Queued {
  readonly line: Uint8Array;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Group commit: appends made while one fsync runs share the next one, so that many small ones cost few. After a
 * failed write the file's end is unknown, and every further append is refused (UPL-CANNOT-WRITE), as it is once another
 * process took the journal over.
 */
export function createJournal(
  path: string,
  file: AppendFile,
  options: JournalOptions,
  end: ChainEnd,
  claim: WriterClaim,
): Journal {
  const { content } = end;
  let { seq, prev } = end;
  let queue: Queued[] = [];
  let flushing = Promise.resolve();
  let isFlushing = false;
  let failure: UpliftError | undefined;
  let ended: string | undefined;

  const stamp = () => ({
    v: 1 as const,
    runId: options.runId,
    seq,
    prev,
    wall: new Date(options.clock.nowMs()).toISOString(),
    monoNs: options.clock.monoNs().toString(),
    actor: options.actor,
  });
  const enqueue = (entry: Entry): Promise<void> => {
    const line = encodeLine(entry);
    if (queue.length >= MAX_QUEUED)
      throw new RangeError(`More than ${MAX_QUEUED} journal entries wait for the disk.`);
    seq += 1;
    prev = hashOf(line);
    content.update(line).update('\n');
    const written = new Promise<void>((done, failed) => queue.push({ line, done, failed }));
    if (!isFlushing) flushing = flush();
    return written;
  };
  const flush = async (): Promise<void> => {
    isFlushing = true;
    while (queue.length > 0) {
      const batch = queue;
      queue = [];
      try {
        if (failure !== undefined) throw failure;
        await claim.require();
        await file.append(joinLines(batch.map(({ line }) => line)));
        await file.sync();
        for (const { done } of batch) done();
      } catch (error) {
        failure ??= error instanceof UpliftError ? error : cannotWrite(path, error);
        for (const { failed } of batch) failed(failure);
      }
    }
    // In the same turn as the last look at the queue: an append cannot slip in between.
    isFlushing = false;
  };
  const refuseWhenOver = (): void => {
    if (failure !== undefined) throw failure;
    if (ended !== undefined)
      throw new UpliftError('UPL-CANNOT-WRITE', {
        message: `The journal ${path} is ${ended}: nothing can be added.`,
      });
  };
  const shut = async (): Promise<void> => {
    await flushing;
    await file.close();
    await claim.release();
  };

  return {
    path,
    runId: options.runId,
    append: async (kind, body) => {
      refuseWhenOver();
      if (kind === SEAL_KIND) throw new TypeError('Only seal() writes a seal.');
      const entry: Entry = { ...stamp(), kind, body };
      await enqueue(entry);
      return entry;
    },
    seal: async (signing) => {
      refuseWhenOver();
      const { v, ...line } = stamp();
      const { runId, actor, wall, monoNs } = line;
      const facts = { runId, count: line.seq, head: line.prev, actor, wall, monoNs };
      const dsse = signing && signSeal(facts, content.copy().digest('hex'), signing);
      const entry = sealEntry({ v, ...line }, dsse);
      ended = 'sealed';
      try {
        await enqueue(entry);
        await file.freeze().catch((error: unknown) => {
          throw cannotWrite(path, error);
        });
      } finally {
        await shut();
      }
      return entry.body as unknown as SealBody;
    },
    close: async () => {
      if (ended !== undefined) return;
      ended = 'closed';
      await shut();
    },
  };
}

function joinLines(lines: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(lines.flatMap((line) => [line, Buffer.of(0x0a)]));
}

/** The error for anything that keeps a journal from the disk. */
export function cannotWrite(path: string, error: unknown): UpliftError {
  return new UpliftError('UPL-CANNOT-WRITE', {
    message: `The journal ${path} cannot be written: ${reasonOf(error)}.`,
    next: `df -h ${path}`,
    cause: error,
  });
}
