import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { reasonOf, UpliftError } from '../core/error.ts';
import type { EndEntry, HistoryCounts, HistoryEntry, HistoryHeader } from './entries.ts';

/** The file below a history; a test puts a disk that fails in its place. */
export interface HistoryFile {
  write(bytes: Buffer): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface HistoryOptions {
  readonly path: string;
  readonly header: HistoryHeader;
  /** Longest time an entry waits for the disk; one fsync serves all that came in between (group commit). */
  readonly flushEveryMs?: number;
  /** A disk that stalls stops the load when this much waits for it. */
  readonly maxBufferedBytes?: number;
  /** Called once, when the history cannot be written any more. */
  readonly onFailed?: (error: UpliftError) => void;
  readonly openFile?: (path: string) => Promise<HistoryFile>;
}

export interface HistoryWriter {
  /** Queues an entry; `onDisk` is called after the fsync that covers it, never before, and never if the disk failed. */
  append(entry: HistoryEntry, onDisk?: () => void): void;
  /** Whether anything appended is not on disk yet. */
  pending(): boolean;
  /** Set once the history cannot be written any more. */
  failure(): UpliftError | undefined;
  /** Resolves when everything appended so far is on disk; throws UPL-CANNOT-WRITE. */
  flush(): Promise<void>;
  /** Writes the `end` line, syncs, closes. Throws UPL-CANNOT-WRITE; the file is closed all the same. */
  close(atUs: number): Promise<EndEntry>;
}

interface State {
  writing: boolean;
  lines: string[];
  bytes: number;
  waiting: (() => void)[];
  counts: { -readonly [kind in keyof HistoryCounts]: number };
  failed: UpliftError | undefined;
}

/**
 * Opens a new append-only NDJSON history (never an existing file: it may be evidence) and makes its header durable,
 * folder entry included. Throws UPL-CANNOT-WRITE.
 */
export async function openHistory(options: HistoryOptions): Promise<HistoryWriter> {
  const file = await openOrRefuse(options);
  const hash = createHash('sha256');
  const maxBufferedBytes = options.maxBufferedBytes ?? 64 * 1_048_576;
  const state: State = {
    writing: false,
    lines: [],
    bytes: 0,
    waiting: [],
    counts: { invoke: 0, ok: 0, fail: 0, info: 0, read: 0 },
    failed: undefined,
  };

  const failWith = (error: unknown): void => {
    if (state.failed !== undefined) return;
    const reason = isTooSlow(error) ? error.message : reasonOf(error);
    state.failed = new UpliftError('UPL-CANNOT-WRITE', {
      message: `The history ${options.path} cannot be written: ${reason}.`,
      next: `df -h ${options.path}`,
      cause: error,
    });
    options.onFailed?.(state.failed);
  };
  const put = (line: string, onDisk?: () => void): void => {
    if (state.failed !== undefined) return;
    state.lines.push(line);
    state.bytes += line.length;
    if (onDisk !== undefined) state.waiting.push(onDisk);
    if (state.bytes > maxBufferedBytes) failWith(new TooSlow(`the disk is ${state.bytes} bytes behind`));
  };
  const writeOut = async (): Promise<void> => {
    if (state.failed !== undefined) throw state.failed;
    if (state.lines.length === 0) return;
    const bytes = Buffer.from(state.lines.join(''), 'utf8');
    const onDisk = state.waiting;
    state.lines = [];
    state.waiting = [];
    state.bytes = 0;
    state.writing = true;
    try {
      await file.write(bytes);
      await file.sync();
    } catch (error) {
      failWith(error);
    }
    state.writing = false;
    if (state.failed !== undefined) throw state.failed;
    hash.update(bytes);
    for (const call of onDisk) call();
  };
  const flusher = startFlusher(writeOut, options.flushEveryMs ?? 100);

  put(`${JSON.stringify(options.header)}\n`);
  try {
    await flusher.now();
  } catch (error) {
    await flusher.stop();
    await file.close();
    throw error;
  }
  return {
    append(entry, onDisk) {
      state.counts[entry.t] += 1;
      put(`${JSON.stringify(entry)}\n`, onDisk);
    },
    pending: () => state.writing || state.lines.length > 0,
    failure: () => state.failed,
    flush: () => flusher.now(),
    async close(atUs) {
      try {
        await flusher.stop();
        await writeOut();
        const end: EndEntry = {
          t: 'end',
          atUs,
          counts: { ...state.counts },
          sha256: hash.copy().digest('hex'),
        };
        put(`${JSON.stringify(end)}\n`);
        await writeOut();
        return end;
      } finally {
        await file.close();
      }
    },
  };
}

class TooSlow extends Error {}

function isTooSlow(error: unknown): error is TooSlow {
  return error instanceof TooSlow;
}

interface Flusher {
  /** Flushes what there is now; a flush under way is waited for and followed by another. */
  now(): Promise<void>;
  stop(): Promise<void>;
}

/** Runs `work` every `everyMs`, never twice at once. Its failure ends the rhythm; whoever calls `now` gets it. */
function startFlusher(work: () => Promise<void>, everyMs: number): Flusher {
  let tail: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const now = (): Promise<void> => {
    const run = tail.then(work);
    tail = run.catch(() => undefined);
    return run;
  };
  const schedule = (): void => {
    timer = setTimeout(() => {
      now().then(
        () => {
          if (!stopped) schedule();
        },
        () => undefined,
      );
    }, everyMs);
  };
  schedule();
  return {
    now,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await tail;
    },
  };
}

async function openOrRefuse(options: HistoryOptions): Promise<HistoryFile> {
  try {
    return await (options.openFile ?? openOnDisk)(options.path);
  } catch (error) {
    throw new UpliftError('UPL-CANNOT-WRITE', {
      message: `The history ${options.path} cannot be created: ${reasonOf(error)}.`,
      next: 'Name a file that does not exist yet, in a folder that can be written.',
      cause: error,
    });
  }
}

async function openOnDisk(path: string): Promise<HistoryFile> {
  const handle = await open(path, 'wx');
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
  return {
    async write(bytes) {
      let done = 0;
      while (done < bytes.length) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done);
        done += bytesWritten;
      }
    },
    sync: () => handle.datasync(),
    close: () => handle.close(),
  };
}
