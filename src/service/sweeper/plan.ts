/** What the sweeper knows of an entry when it decides what to do with it. */
export interface EntryState {
  /** Appends so far, whatever came of them. */
  readonly attempts: number;
  /** One of them was acknowledged: the command stands in the log. */
  readonly appended: boolean;
  readonly issuedAtMs: number;
  readonly notAfterMs: number;
  /** Of the commands topic when the command was first sent. */
  readonly topicId: string;
}

export interface Seen {
  /** The projection shows the event id. */
  readonly decided: boolean;
  /** Of the commands topic now; undefined while it is not known, or not as it has to be. */
  readonly topicId: string | undefined;
}

export interface SweepRules {
  readonly maxAttempts: number;
  /** No append may still be on its way when `notAfter` is this near: clocks differ, and later it would only expire. */
  readonly marginMs: number;
  readonly produceDeadlineMs: number;
  /** With less time than this an append is not begun. */
  readonly leastProduceMs: number;
  readonly firstBackoffMs: number;
  readonly maxBackoffMs: number;
  /** How long after `notAfter` the decision of a command that stands in the log is waited for. */
  readonly patienceMs: number;
}

export const SWEEP_RULES: SweepRules = {
  maxAttempts: 10,
  marginMs: 5000,
  produceDeadlineMs: 5000,
  leastProduceMs: 1000,
  firstBackoffMs: 1000,
  maxBackoffMs: 20_000,
  patienceMs: 300_000,
};

/** Why an entry is given up; stable, dead letters are grouped by it. */
export type GiveUp = 'unknown-not-appended' | 'unknown-undecided' | 'unknown-topic-replaced';

export type Move =
  | { readonly kind: 'settle' }
  | { readonly kind: 'produce'; readonly deadlineMs: number }
  | { readonly kind: 'wait'; readonly delayMs: number }
  | { readonly kind: 'deadLetter'; readonly code: GiveUp; readonly message: string };

/**
 * What to do with an entry now. Pure. Looks first at the projection; sends the same bytes again only while they can
 * still be decided by their own merit (S9); every entry ends: decided, or as a dead letter.
 */
export function plan(entry: EntryState, seen: Seen, nowMs: number, rules: SweepRules): Move {
  if (seen.decided) return { kind: 'settle' };
  if (seen.topicId !== undefined && seen.topicId !== entry.topicId) {
    const message = `it was sent to topic id ${entry.topicId}, the topic is ${seen.topicId} now: it was made again`;
    return { kind: 'deadLetter', code: 'unknown-topic-replaced', message };
  }
  return entry.appended ? planAppended(entry, nowMs, rules) : planMissing(entry, seen, nowMs, rules);
}

function planAppended(entry: EntryState, nowMs: number, rules: SweepRules): Move {
  const leftMs = entry.notAfterMs + rules.patienceMs - nowMs;
  if (leftMs > 0) return { kind: 'wait', delayMs: Math.min(lookDelayMs(entry, nowMs, rules), leftMs) };
  const message = `it stands in the log, and the projection shows no decision ${rules.patienceMs} ms after its last moment`;
  return { kind: 'deadLetter', code: 'unknown-undecided', message };
}

function planMissing(entry: EntryState, seen: Seen, nowMs: number, rules: SweepRules): Move {
  const leftMs = entry.notAfterMs - rules.marginMs - nowMs;
  if (leftMs < rules.leastProduceMs || entry.attempts >= rules.maxAttempts) {
    const message = `no append was acknowledged in ${entry.attempts} attempts of the sweeper, and no decision was seen`;
    return { kind: 'deadLetter', code: 'unknown-not-appended', message };
  }
  if (seen.topicId === undefined) return { kind: 'wait', delayMs: Math.min(rules.firstBackoffMs, leftMs) };
  return { kind: 'produce', deadlineMs: Math.min(rules.produceDeadlineMs, leftMs) };
}

/** When to look again for the decision of a command that stands in the log: soon at first, then less and less often. */
function lookDelayMs(entry: EntryState, nowMs: number, rules: SweepRules): number {
  return clamp((nowMs - entry.issuedAtMs) / 8, rules.firstBackoffMs, rules.maxBackoffMs);
}

/** Doubles with every attempt, with jitter of ± 25 %, so that what one outage left does not come back as one wave. */
export function backoffMs(attempts: number, random: number, rules: SweepRules): number {
  const doubled = rules.firstBackoffMs * 2 ** Math.min(Math.max(attempts - 1, 0), 30);
  return Math.min(doubled, rules.maxBackoffMs) * (0.75 + random / 2);
}

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);
