import { originKey } from '../contract/dead-letter.ts';
import { formatCount } from '../core/units.ts';
import type { DlqFacts } from './facts.ts';
import { type LetterSeen, letterKey } from './letters.ts';
import { keyIn, sinceMs } from './target-scan.ts';

/**
 * `waiting`: can be replayed; `replayed`: a replay of it stands in the target log, or it came back as a later attempt;
 * `cannotTell`: the target log does not say whether it was replayed; `refused`: cannot be replayed; `copy`: the same
 * letter stands in the topic before it.
 */
export type Standing = 'waiting' | 'replayed' | 'cannotTell' | 'refused' | 'copy';

export interface JudgedLetter {
  readonly seen: LetterSeen;
  readonly standing: Standing;
  /** Why, where the standing alone does not say it. */
  readonly reason: string | null;
  /** A later record of its key stands in the target partition (at least as far as was looked). */
  readonly newerEvents: boolean;
}

/** Says of every record of a dead letter topic what became of it and what can be done. Pure. */
export function judgeLetters(facts: DlqFacts): JudgedLetter[] {
  const inOrder = facts.letters.toSorted(
    (a, b) => a.partition - b.partition || (a.offset < b.offset ? -1 : 1),
  );
  const first = new Map<string, LetterSeen>();
  const latest = new Map<string, number>();
  const differing = new Set<string>();
  for (const seen of inOrder) {
    if (seen.letter === null) continue;
    const key = letterKey(seen.letter);
    const known = first.get(key);
    if (known === undefined) first.set(key, seen);
    else if (known.sha256 !== seen.sha256) differing.add(key);
    const origin = originKey(seen.letter.origin);
    latest.set(origin, Math.max(latest.get(origin) ?? 0, seen.letter.attempt));
  }
  return inOrder.map((seen): JudgedLetter => {
    const judged = (standing: Standing, reason: string | null = null): JudgedLetter => ({
      seen,
      standing,
      reason,
      newerEvents: hasNewerEvents(facts, seen),
    });
    if (seen.letter === null) return judged('refused', NO_METADATA);
    const key = letterKey(seen.letter);
    if (first.get(key) !== seen) return judged('copy');
    const origin = originKey(seen.letter.origin);
    const cameBack = latest.get(origin) ?? 0;
    if (cameBack > seen.letter.attempt) return judged('replayed', `came back as attempt ${cameBack}`);
    const { attempt } = seen.letter;
    if (facts.scan.replays.get(origin)?.some((replay) => replay.attempt >= attempt) === true)
      return judged('replayed');
    if (differing.has(key)) return judged('refused', 'its copies differ from each other');
    const refusal = whyRefused(facts, seen);
    if (refusal !== null) return judged('refused', refusal);
    const unclear = whyUnclear(facts, seen);
    return unclear === null ? judged('waiting') : judged('cannotTell', unclear);
  });
}

export const NO_METADATA = 'no error metadata';

/** Why a letter cannot be replayed into the target as it stands; null when it can. */
function whyRefused({ dlq, target, source }: DlqFacts, seen: LetterSeen): string | null {
  const origin = seen.letter?.origin;
  if (origin === undefined) return NO_METADATA;
  if (origin.topic !== source.target)
    return `comes from ${origin.topic}, and ${source.dlq} belongs to ${source.target}`;
  if (target === null) return `${source.target} is not in the cluster`;
  if (origin.topicId !== target.topicId) return `${source.target} was made again since (another topic id)`;
  if (target.bounds.length !== dlq.bounds.length)
    return `${source.target} has ${target.bounds.length} partitions, ${source.dlq} ${dlq.bounds.length}: where it belongs now is not known`;
  if (origin.partition >= target.bounds.length)
    return `${source.target} has no partition ${origin.partition}`;
  if (seen.cannotCarry !== null) return seen.cannotCarry;
  if (seen.replayBytes > target.maxMessageBytes)
    return `too large: up to ${formatCount(seen.replayBytes)} bytes with the headers of a replay, ${source.target} takes ${formatCount(target.maxMessageBytes)}`;
  return null;
}

/** Why the target log does not say whether a letter was replayed; null when it does. */
function whyUnclear({ target, scan, source }: DlqFacts, seen: LetterSeen): string | null {
  const origin = seen.letter?.origin;
  if (origin === undefined || target === null) return NO_METADATA;
  const where = `${source.target}/${origin.partition}`;
  if (target.compacted) return `${source.target} is compacted: a replay may be gone`;
  const coverage = scan.coverage.get(origin.partition);
  if (coverage === undefined) return `${where} was not read`;
  if (!coverage.complete) return `${where} was not read to its end in time`;
  const reaches = coverage.startOffset <= origin.offset + 1n || coverage.reachesBackMs <= sinceMs(seen);
  return reaches ? null : `${where} begins at ${coverage.startOffset}, after it failed: a replay may be gone`;
}

function hasNewerEvents({ scan }: DlqFacts, { letter, key }: LetterSeen): boolean {
  if (letter === null || key === null) return false;
  const newest = scan.newest.get(keyIn(letter.origin.partition, key));
  return newest !== undefined && newest > letter.origin.offset;
}
