import { reasonOf } from '../../core/error.ts';
import { readHistory } from '../../load/history-reader.ts';
import { digestOfFile, type FileDigest } from '../../record/digest.ts';
import type { Entry } from '../../record/envelope.ts';
import type { PublicKey } from '../../record/keys.ts';
import { readRecord } from '../../record/open.ts';
import { listRuns, type RunFolder, runFolder } from '../run-folder.ts';
import type { HistoryLook } from './exam.ts';
import { outcomeOf } from './outcome.ts';
import { type RecordRow, rowOf } from './row.ts';
import { historyDigest, probeSha256 } from './seal.ts';
import { checkDrill } from './signed.ts';

/** Reads the history beside a record and compares it with what the record's lines say of it. Never throws for a bad file. */
export async function lookAtHistory(
  folder: Pick<RunFolder, 'history'>,
  entries: readonly Entry[],
): Promise<HistoryLook> {
  const said = historyDigest(entries);
  const found = await digestOfFile(folder.history).catch((error: unknown) => reasonOf(error));
  if (typeof found === 'string') return { kind: 'different', why: found };
  if (said === null)
    return found === undefined
      ? { kind: 'none' }
      : { kind: 'different', why: 'there is a history, and the record says that there was none' };
  if (said === undefined) return olderHistory(folder.history, entries);
  if (found === undefined) return { kind: 'missing' };
  return compared(found, said.sha256, ` of ${said.bytes}`);
}

/** The same for what the store probe wrote; a drill without one has none. */
export async function lookAtProbe(
  folder: Pick<RunFolder, 'probe'>,
  entries: readonly Entry[],
): Promise<HistoryLook> {
  const said = probeSha256(entries);
  const found = await digestOfFile(folder.probe).catch((error: unknown) => reasonOf(error));
  if (typeof found === 'string') return { kind: 'different', why: found };
  if (said === undefined) return { kind: found === undefined ? 'none' : 'unsaid' };
  return found === undefined ? { kind: 'missing' } : compared(found, said);
}

function compared(found: FileDigest, saidSha256: string, saidBytes = ''): HistoryLook {
  if (found.sha256 === saidSha256) return { kind: 'equal', found };
  const why = `SHA-256 ${found.sha256.slice(0, 16)} of ${found.bytes} bytes, the record says ${saidSha256.slice(0, 16)}${saidBytes}`;
  return { kind: 'different', why };
}

/** Records from before there were signatures name the digest that stands in the history's own last line. */
async function olderHistory(path: string, entries: readonly Entry[]): Promise<HistoryLook> {
  const said = outcomeOf(entries)?.result?.history?.sha256;
  if (said === undefined) return { kind: 'unsaid' };
  try {
    const found = await digestOfFile(path);
    if (found === undefined) return { kind: 'missing' };
    const { sha256, digest, tornBytes } = await readHistory(path, () => undefined);
    if (digest === 'equal' && tornBytes === 0 && sha256 === said) return { kind: 'equal', found };
    return { kind: 'different', why: 'it is not what its last line and the record say' };
  } catch (error) {
    return { kind: 'different', why: reasonOf(error) };
  }
}

/** The record of one run with what can be said of it, or undefined where no drill ran (a load, a plan of topics). */
export async function readRow(
  journalDir: string,
  runId: string,
  trusted: readonly PublicKey[],
): Promise<RecordRow | undefined> {
  const { journal } = runFolder(journalDir, runId);
  try {
    const view = await readRecord(journal, runId);
    return rowOf(runId, view, checkDrill(view, trusted));
  } catch (error) {
    const isThere = (await digestOfFile(journal).catch(() => true)) !== undefined;
    return isThere ? rowOf(runId, reasonOf(error)) : undefined;
  }
}

/** Rows of drills, newest first: at most `limit`, back to `sinceMs`. Reads one record at a time. */
export async function readRows(
  journalDir: string,
  trusted: readonly PublicKey[],
  { limit, sinceMs = 0 }: { readonly limit: number; readonly sinceMs?: number },
): Promise<{ readonly rows: readonly RecordRow[]; readonly more: boolean }> {
  const rows: RecordRow[] = [];
  for (const runId of (await listRuns(journalDir)).toReversed()) {
    const row = await readRow(journalDir, runId, trusted);
    if (row === undefined || row.atMs < sinceMs) continue;
    if (rows.length === limit) return { rows, more: true };
    rows.push(row);
  }
  return { rows, more: false };
}
