import { isUpliftError, reasonOf } from '../../core/error.ts';
import type { Journal } from '../../record/journal.ts';

/**
 * Seals the record of a run that did not come to its own end: its last entry says how it ended (`interrupted` by a
 * signal, `aborted` by a refusal, `errored`) and why. A journal that failed itself, or whose run left something to undo,
 * stays open: for `recover`, and because an unsealed record never counts. Never throws: the error is what the caller
 * must see.
 */
export async function endJournal(
  journal: Journal,
  kind: string,
  error: unknown,
  signal: AbortSignal,
): Promise<void> {
  if (isUpliftError(error, 'UPL-NOT-RESTORED')) return;
  const refused =
    isUpliftError(error, 'UPL-PREFLIGHT-REFUSED') || isUpliftError(error, 'UPL-DRILL-UNFINISHED');
  const execution = signal.aborted ? 'interrupted' : refused ? 'aborted' : 'errored';
  const findings = isUpliftError(error)
    ? error.findings.map(({ id, status, summary }) => ({ id, status, summary }))
    : [];
  await journal
    .append(kind, { execution, reason: reasonOf(error), findings })
    .then(() => journal.seal())
    .catch(() => undefined);
}
