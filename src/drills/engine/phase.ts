import type { Journal } from '../../record/journal.ts';

/** The phases of a drill under load; their beginnings and ends are lines of its journal, on one monotonic clock. */
export const PHASES = ['baseline', 'fault', 'restore', 'after'] as const;
export type Phase = (typeof PHASES)[number];

export const PHASE_BEGUN = 'phase.begun';
export const PHASE_ENDED = 'phase.ended';

/** Runs a part of a drill as a phase. A journal that takes no line stops no part: least of all putting things back. */
export async function inPhase<T>(
  journal: Pick<Journal, 'append'>,
  phase: Phase,
  work: () => Promise<T>,
): Promise<T> {
  const mark = (kind: string): Promise<unknown> => journal.append(kind, { phase }).catch(() => undefined);
  await mark(PHASE_BEGUN);
  try {
    return await work();
  } finally {
    await mark(PHASE_ENDED);
  }
}
