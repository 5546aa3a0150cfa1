import { formatCount } from '../../core/units.ts';
import type { RecordRow } from './row.ts';

/** What rows are worth: only what a known key signed is counted as proof; the rest is told apart, as its own word. */
export interface Worth {
  readonly proven: readonly RecordRow[];
  /** Whole, but nobody here vouches for them: not signed, or signed with a key that is not known. */
  readonly unproven: readonly RecordRow[];
  /** Broken or never sealed. */
  readonly worthless: readonly RecordRow[];
}

/** Pure: every row in one of the three. */
export function byWorth(rows: readonly RecordRow[]): Worth {
  return {
    proven: rows.filter(({ state, outcome }) => outcome !== null && state === 'signed'),
    unproven: rows.filter(({ state, outcome }) => outcome !== null && state !== 'signed'),
    worthless: rows.filter(({ outcome }) => outcome === null),
  };
}

export interface Verdicts {
  readonly held: number;
  readonly deviated: number;
  readonly inconclusive: number;
}

/**
 * Pure: verdicts of rows. One that held counts as such only where the run came to its own end: whoever finishes the record
 * of a run that died (a watchdog, `drill recover`) signs lines that it has not written.
 */
export function verdictsOf(rows: readonly RecordRow[]): Verdicts {
  const outcomes = rows.flatMap(({ outcome }) => (outcome === null ? [] : [outcome]));
  const held = outcomes.filter(
    ({ hypothesis, execution }) => hypothesis === 'held' && execution === 'completed',
  ).length;
  const deviated = outcomes.filter(({ hypothesis }) => hypothesis === 'deviated').length;
  return { held, deviated, inconclusive: outcomes.length - held - deviated };
}

/** `2 held, 1 deviated, 0 inconclusive`. */
export const verdictsText = ({ held, deviated, inconclusive }: Verdicts): string =>
  `${formatCount(held)} held, ${formatCount(deviated)} deviated, ${formatCount(inconclusive)} inconclusive`;

export const count = (many: number, noun: string): string =>
  `${formatCount(many)} ${noun}${many === 1 ? '' : 's'}`;

/** What is not counted, behind a sum, and why; empty where everything is. Bad news is told whoever brings it. */
export function notCounted({ unproven, worthless }: Worth): string {
  const proves = worthless.length === 1 ? 'proves' : 'prove';
  const { deviated } = verdictsOf(unproven);
  const bad = deviated === 0 ? '' : ` (${formatCount(deviated)} deviated)`;
  const parts = [
    ...(unproven.length === 0 ? [] : [`${count(unproven.length, 'record')} that no known key signed${bad}`]),
    ...(worthless.length === 0 ? [] : [`${count(worthless.length, 'record')} that ${proves} nothing`]),
  ];
  return parts.length === 0 ? '' : ` Not counted: ${parts.join(', ')}.`;
}
