import type { DlqFacts } from './facts.ts';
import { type JudgedLetter, judgeLetters } from './standing.ts';

/** One dead letter topic in a line. */
export interface DlqSummary {
  readonly region: string;
  readonly dlq: string;
  readonly target: string;
  /** Line of uplift.yaml; null when only its name says what it is. */
  readonly origin: string | null;
  readonly exists: boolean;
  readonly partitions: number;
  /** Distinct by origin and attempt; records without our headers count one each. */
  readonly letters: number;
  readonly copies: number;
  readonly replayed: number;
  readonly waiting: number;
  readonly cannotTell: number;
  readonly refused: number;
  /** Of those not replayed; null when there is none. */
  readonly oldestAgeMs: number | null;
  /** Until time takes the oldest letter that is not replayed; null: never, or there is none. May be negative: due. */
  readonly expiresInMs: number | null;
  /** Letters by error code, most frequent first; null: no error metadata. */
  readonly errors: readonly { readonly code: string | null; readonly count: number }[];
  readonly unread: { readonly records: string; readonly cutBy: string } | null;
}

/** Folds one look into the line that `dlq ls` shows. Pure. */
export function summarize(facts: DlqFacts): DlqSummary {
  const judged = judgeLetters(facts);
  const letters = judged.filter(({ standing }) => standing !== 'copy');
  const count = (standing: JudgedLetter['standing']): number =>
    judged.filter((one) => one.standing === standing).length;
  const left = letters.filter(({ standing }) => standing !== 'replayed').map(({ seen }) => seen.timestampMs);
  const oldestMs = left.length === 0 ? null : left.reduce((a, b) => Math.min(a, b));
  const { retentionMs } = facts.dlq;
  return {
    region: facts.region,
    dlq: facts.source.dlq,
    target: facts.source.target,
    origin: facts.source.origin,
    exists: true,
    partitions: facts.dlq.bounds.length,
    letters: letters.length,
    copies: count('copy'),
    replayed: count('replayed'),
    waiting: count('waiting'),
    cannotTell: count('cannotTell'),
    refused: count('refused'),
    oldestAgeMs: oldestMs === null ? null : Math.max(0, facts.observedAtMs - oldestMs),
    expiresInMs:
      oldestMs === null || retentionMs === null ? null : oldestMs + retentionMs - facts.observedAtMs,
    errors: errorsOf(letters),
    unread:
      facts.unread === null ? null : { records: String(facts.unread.records), cutBy: facts.unread.cutBy },
  };
}

function errorsOf(letters: readonly JudgedLetter[]): DlqSummary['errors'] {
  const byCode = Map.groupBy(letters, ({ seen }) => seen.letter?.errorCode ?? null);
  return [...byCode]
    .map(([code, list]) => ({ code, count: list.length }))
    .toSorted((a, b) => b.count - a.count || String(a.code).localeCompare(String(b.code)));
}
