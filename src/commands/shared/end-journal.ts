import { isUpliftError, reasonOf } from '../../core/error.ts';
import { EXIT } from '../../core/exit.ts';
import type { Json } from '../../core/step.ts';
import type { Journal } from '../../record/journal.ts';

/** How a run ended that did not come to its own end. */
export interface EndBody {
  readonly [field: string]: Json;
  readonly execution: 'interrupted' | 'aborted' | 'errored';
}

/**
 * Seals the record of a run that did not come to its own end: its last entry says how it ended (`interrupted` by a
 * signal, `aborted` by a refusal, `errored`) and why. A journal that failed itself, or whose run left something to undo,
 * stays open: for `recover`, and because an unsealed record never counts. Never throws: the error is what the caller
 * must see. `end`: what writes the last entry and seals, where that takes more.
 */
export async function endJournal(
  journal: Journal,
  kind: string,
  error: unknown,
  signal: AbortSignal,
  end: (body: EndBody) => Promise<unknown> = async (body) => {
    await journal.append(kind, body);
    return journal.seal();
  },
): Promise<void> {
  if (isUpliftError(error, 'UPL-NOT-RESTORED')) return;
  const refused = isUpliftError(error) && error.exit === EXIT.refused;
  const execution = signal.aborted ? 'interrupted' : refused ? 'aborted' : 'errored';
  const findings = isUpliftError(error)
    ? error.findings.map(({ id, status, summary }) => ({ id, status, summary }))
    : [];
  await end({ execution, reason: reasonOf(error), findings }).catch(() => undefined);
}
