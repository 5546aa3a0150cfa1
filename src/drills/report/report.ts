import { formatCount } from '../../core/units.ts';
import { type RecordRow, STATE_WORDS, whenText } from '../record/row.ts';
import type { DrillTimeline } from './timeline.ts';

/** One drill of a report. */
export interface ReportRun {
  readonly row: RecordRow;
  /** What its load saw; or why that is not shown. */
  readonly timeline: DrillTimeline | { readonly absent: string };
}

/** What a report is made of; both of its forms tell the same. */
export interface DrillReport {
  readonly generatedAtMs: number;
  /** Drills since then; null: all. */
  readonly sinceMs: number | null;
  readonly uplift: string;
  /** Newest first. */
  readonly runs: readonly ReportRun[];
  /** There are older ones that are not in it. */
  readonly more: boolean;
}

export interface Totals {
  readonly held: number;
  readonly deviated: number;
  readonly inconclusive: number;
  readonly notRestored: number;
  readonly lost: number;
  /** By the stores themselves, of what their probes wrote. */
  readonly probeLost: number;
  readonly acknowledged: number;
  readonly signed: number;
  /** Records that prove nothing. */
  readonly worthless: number;
}

/** Pure: what all records together prove. */
export function totalsOf(rows: readonly RecordRow[]): Totals {
  const count = (matches: (row: RecordRow) => boolean): number => rows.filter(matches).length;
  const sum = (of: (row: RecordRow) => number | undefined): number =>
    rows.reduce((total, row) => total + (of(row) ?? 0), 0);
  const hypothesis = (row: RecordRow) => row.outcome?.hypothesis;
  return {
    held: count((row) => hypothesis(row) === 'held'),
    deviated: count((row) => hypothesis(row) === 'deviated'),
    inconclusive: count(
      (row) => row.outcome !== null && !['held', 'deviated'].includes(hypothesis(row) ?? ''),
    ),
    notRestored: count(({ outcome }) => outcome?.restored === 'notRestored'),
    lost: sum(({ outcome }) => outcome?.result?.judgement.lost.length),
    probeLost: sum(({ outcome }) => outcome?.result?.probe?.lostCount),
    acknowledged: sum(({ outcome }) => outcome?.result?.judgement.acknowledged),
    signed: count(({ state }) => state === 'signed'),
    worthless: count(({ outcome }) => outcome === null),
  };
}

/** `3 drills: 2 held, 1 deviated, 0 inconclusive.` and what follows from their records. */
export function headline(rows: readonly RecordRow[]): string {
  if (rows.length === 0) return 'No drill ran.';
  const { held, deviated, inconclusive, notRestored, worthless } = totalsOf(rows);
  const left = notRestored === 0 ? '' : ` ${notRestored} NOT RESTORED.`;
  const bad = worthless === 0 ? '' : ` ${worthless} with a record that proves nothing.`;
  return `${count(rows.length, 'drill')}: ${held} held, ${deviated} deviated, ${inconclusive} inconclusive.${left}${bad}`;
}

/** What was lost, and how far the records can be believed. */
export function standing(rows: readonly RecordRow[]): string {
  const { lost, probeLost, acknowledged, signed } = totalsOf(rows);
  const store = probeLost === 0 ? '' : ` ${formatCount(probeLost)} more by a store, of its probe's writes.`;
  return `${formatCount(lost)} of ${formatCount(acknowledged)} acknowledged operations lost.${store} ${signed} of ${count(rows.length, 'record')} signed by a known key.`;
}

export function period({ sinceMs, generatedAtMs, more }: DrillReport): string {
  const from =
    sinceMs === null ? (more ? 'the newest drills' : 'all drills') : `since ${whenText(sinceMs)} UTC`;
  const older = more && sinceMs !== null ? ' (older ones left out)' : '';
  return `${from}${older}, as of ${whenText(generatedAtMs)} UTC`;
}

/** Why an outcome is what it is; for a record that proves nothing, why it does not. */
export function whyOf({ state, problem, outcome }: RecordRow): string {
  if (outcome !== null) return outcome.reasons.join('; ');
  const why = problem === null ? '' : `: ${problem.replace(/\.$/, '')}`;
  return `${STATE_WORDS[state]} record, proves nothing${why}`;
}

export const count = (many: number, noun: string): string =>
  `${formatCount(many)} ${noun}${many === 1 ? '' : 's'}`;
