import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { reasonOf, UpliftError } from '../core/error.ts';
import { createAppendFile, reopenAppendFile } from './append-file.ts';
import { RESUMED_KIND } from './envelope.ts';
import { cannotWrite, chainStart, createJournal, type Journal, type JournalOptions } from './journal.ts';
import { type RecordView, verifyRecord } from './verify.ts';
import { claimWriter } from './writer-claim.ts';

/**
 * Starts a new journal; the file must not exist (O_EXCL) and its folder must. Throws UPL-CANNOT-WRITE, or
 * UPL-JOURNAL-HELD while another process writes it.
 */
export async function openJournal(path: string, options: JournalOptions): Promise<Journal> {
  const claim = await claimWriter(path).catch(orCannotWrite(path));
  try {
    return createJournal(path, await createAppendFile(path), options, chainStart(), claim);
  } catch (error) {
    await claim.release();
    throw cannotWrite(path, error);
  }
}

export interface ResumeOptions extends Omit<JournalOptions, 'runId'> {
  /** Needed only where the journal was cut before its first line was complete. */
  readonly runId?: string;
  /** Name of the host whose claim no longer counts; see `claimWriter`. */
  readonly takeOver?: string | undefined;
}

/**
 * Goes on writing a journal that somebody else left. A torn last line is cut off; the first new line
 * (`journal.resumed`) says so and keeps what it said. A sealed or altered journal is refused (UPL-INPUT-INVALID), as is
 * one that another process holds, or may hold on another host (UPL-JOURNAL-HELD).
 */
export async function resumeJournal(path: string, options: ResumeOptions): Promise<Journal> {
  const claim = await claimWriter(path, { takeOver: options.takeOver }).catch(orCannotWrite(path));
  try {
    const bytes = await readBounded(path);
    const view = verifyRecord(bytes);
    const runId = view.entries[0]?.runId ?? options.runId;
    refuseUnlessResumable(path, view, runId);
    const file = await reopenAppendFile(path);
    if (view.tornBytes > 0) await file.truncate(view.validBytes);
    const content = createHash('sha256').update(bytes.subarray(0, view.validBytes));
    const end = { seq: view.entries.length, prev: view.head, content };
    const journal = createJournal(path, file, { ...options, runId: runId ?? '' }, end, claim);
    const { takenOverFrom } = claim;
    const from = takenOverFrom === undefined ? {} : { takenOverFrom };
    await journal.append(RESUMED_KIND, { tornBytes: view.tornBytes, torn: tornText(bytes, view), ...from });
    return journal;
  } catch (error) {
    await claim.release();
    throw error instanceof UpliftError ? error : cannotWrite(path, error);
  }
}

function refuseUnlessResumable(path: string, view: RecordView, runId: string | undefined): void {
  const refuse = (why: string): never => {
    throw new UpliftError('UPL-INPUT-INVALID', { message: `The journal ${path} cannot be resumed: ${why}.` });
  };
  if (view.status === 'sealed') refuse('it is sealed');
  const [problem] = view.problems;
  if (view.status === 'broken')
    refuse(`line ${problem?.line}: ${problem?.message ?? 'it is broken'}`.replace(/\.$/, ''));
  if (runId === undefined) refuse('it holds no complete line, so nothing was begun');
}

const TORN_TEXT_BYTES = 2_048;

function tornText(bytes: Uint8Array, view: RecordView): string {
  return new TextDecoder().decode(
    bytes.subarray(view.validBytes, view.validBytes + Math.min(view.tornBytes, TORN_TEXT_BYTES)),
  );
}

const MAX_RECORD_BYTES = 256 * 1024 * 1024;

/**
 * Reads and verifies a record, whoever wrote it; with `runId` one of that run and no other. Throws UPL-INPUT-INVALID only
 * where it cannot be read at all.
 */
export async function readRecord(path: string, runId?: string): Promise<RecordView> {
  try {
    return verifyRecord(await readBounded(path), runId);
  } catch (error) {
    if (error instanceof UpliftError) throw error;
    throw new UpliftError('UPL-INPUT-INVALID', {
      message: `The record ${path} cannot be read: ${reasonOf(error)}.`,
      cause: error,
    });
  }
}

async function readBounded(path: string): Promise<Uint8Array> {
  const { size } = await stat(path);
  if (size <= MAX_RECORD_BYTES) return readFile(path);
  throw new UpliftError('UPL-INPUT-INVALID', {
    message: `The record ${path} has ${size} bytes; at most ${MAX_RECORD_BYTES} are read.`,
  });
}

function orCannotWrite(path: string) {
  return (error: unknown): never => {
    throw error instanceof UpliftError ? error : cannotWrite(path, error);
  };
}
