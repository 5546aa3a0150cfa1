import { originKey } from '../contract/dead-letter.ts';
import type { DeadLetterRow } from '../facts/projection/dead-letters.ts';
import type { PlannedLetter } from './plan.ts';
import type { ReplaySeen } from './target-scan.ts';

/** A planned letter with the replays of it that stand in the target log. */
export interface ReplayedLetter {
  readonly letter: PlannedLetter;
  readonly replays: readonly ReplaySeen[];
}

/**
 * `applied`: by one of its replays, once; `superseded`: the projection had no use for the replay; `back`: it failed
 * again and is a dead letter once more; `twice`: more than one effect; `notSeen`: nothing says what became of it.
 */
export type EndKind = 'applied' | 'superseded' | 'back' | 'twice' | 'notSeen';

export interface ReplayEnd {
  readonly partition: number;
  readonly offset: bigint;
  readonly end: EndKind;
  readonly detail: string;
}

export interface EndsInput {
  readonly letters: readonly ReplayedLetter[];
  readonly topicId: string;
  /** Next offset of the projection by target partition. */
  readonly passed: ReadonlyMap<number, bigint>;
  /** By `originKey`. */
  readonly rows: ReadonlyMap<string, DeadLetterRow>;
  /** Latest attempt that came into the dead letter topic since the plan, by `originKey`. */
  readonly back: ReadonlyMap<string, number>;
}

/** Says of every replayed letter how it ended. Pure; without evidence it is `notSeen`, never `applied`. */
export function judgeEnds({ letters, topicId, passed, rows, back }: EndsInput): ReplayEnd[] {
  return letters.map(({ letter, replays }): ReplayEnd => {
    const key = originKey({ topicId, ...letter.origin });
    const { partition, offset } = letter;
    const [end, detail] =
      failedAgain(letter, rows.get(key), back.get(key)) ??
      notPassed(replays, passed) ??
      endIn(rows.get(key), replays);
    return { partition, offset, end, detail };
  });
}

type Ended = readonly [end: EndKind, detail: string];

function failedAgain(
  letter: PlannedLetter,
  row: DeadLetterRow | undefined,
  cameBack: number | undefined,
): Ended | undefined {
  const attempt = Math.max(cameBack ?? 0, row?.outcome === 'parked' ? row.attempts : 0);
  return attempt > letter.attempt ? ['back', `failed again, attempt ${attempt}`] : undefined;
}

function notPassed(replays: readonly ReplaySeen[], passed: ReadonlyMap<number, bigint>): Ended | undefined {
  if (replays.length === 0) return ['notSeen', 'no replay of it stands in the log'];
  const behind = replays.find(({ partition, offset }) => (passed.get(partition) ?? -1n) <= offset);
  return behind && ['notSeen', `the projection has not passed ${behind.partition}/${behind.offset}`];
}

/** What the projection says, once it has passed every replay. */
function endIn(row: DeadLetterRow | undefined, replays: readonly ReplaySeen[]): Ended {
  if (row === undefined) return ['notSeen', 'the projection does not know it as a dead letter'];
  if (row.outcome === 'parked') return ['notSeen', 'the projection has passed it and still has it parked'];
  if (row.outcome === 'superseded') return ['superseded', 'the projection had moved past it'];
  if ((row.operations ?? 1) > 1) return ['twice', `${row.operations} operations of ${row.eventId}`];
  if (row.operations === 0) return ['notSeen', `applied, and there is no operation of ${row.eventId}`];
  if (!replays.some(({ id }) => id === row.replayId))
    return ['superseded', `applied by another replay before (${row.replayId ?? 'unknown'})`];
  return ['applied', `by the record at ${row.partition}/${row.appliedOffset ?? '?'}`];
}

export type EndCounts = Readonly<Record<EndKind, number>>;

export function countEnds(ends: readonly ReplayEnd[]): EndCounts {
  const counts = { applied: 0, superseded: 0, back: 0, twice: 0, notSeen: 0 };
  for (const { end } of ends) counts[end] += 1;
  return counts;
}
