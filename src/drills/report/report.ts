import { formatCount } from '../../core/units.ts';
import { type RecordRow, STATE_WORDS, stateText, whenText } from '../record/row.ts';
import { byWorth, count, notCounted, type Verdicts, verdictsOf, verdictsText } from '../record/worth.ts';
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

export interface Totals extends Verdicts {
  /** Also by records that nobody vouches for: an alarm is never dropped. */
  readonly notRestored: number;
  readonly lost: number;
  /** By the stores themselves, of what their probes wrote. */
  readonly probeLost: number;
  readonly acknowledged: number;
  readonly signed: number;
  /** Records that no known key signed. */
  readonly unproven: number;
  /** Records that prove nothing. */
  readonly worthless: number;
}

/** Pure: what all records together prove; of the rest only how many there are. */
export function totalsOf(rows: readonly RecordRow[]): Totals {
  const { proven, unproven, worthless } = byWorth(rows);
  return {
    ...verdictsOf(proven),
    notRestored: rows.filter(({ outcome }) => outcome?.restored === 'notRestored').length,
    ...lossesOf(proven),
    signed: proven.length,
    unproven: unproven.length,
    worthless: worthless.length,
  };
}

function lossesOf(rows: readonly RecordRow[]): Pick<Totals, 'lost' | 'probeLost' | 'acknowledged'> {
  const sum = (of: (row: RecordRow) => number | undefined): number =>
    rows.reduce((total, row) => total + (of(row) ?? 0), 0);
  return {
    lost: sum(({ outcome }) => outcome?.result?.judgement.lost.length),
    probeLost: sum(({ outcome }) => outcome?.result?.probe?.lostCount),
    acknowledged: sum(({ outcome }) => outcome?.result?.judgement.acknowledged),
  };
}

/** `3 drills: 2 held, 1 deviated, 0 inconclusive.` by what a known key signed, and what is not counted. */
export function headline(rows: readonly RecordRow[]): string {
  if (rows.length === 0) return 'There is no record of a drill.';
  const totals = totalsOf(rows);
  const { notRestored } = totals;
  const left = notRestored === 0 ? '' : ` ${notRestored} NOT RESTORED.`;
  return `${count(rows.length, 'drill')}: ${verdictsText(totals)}.${left}${notCounted(byWorth(rows))}`;
}

/** What was lost, and how far the records can be believed. */
export function standing(rows: readonly RecordRow[]): string {
  const { signed, inconclusive } = totalsOf(rows);
  const { proven } = byWorth(rows);
  const unseen =
    inconclusive === 0
      ? ''
      : ` What ${count(inconclusive, 'inconclusive drill')} could not see is not in that.`;
  return `${lossesText(proven)}${unseen} ${signed} of ${count(rows.length, 'record')} signed by a known key.`;
}

/** What records say that no known key signed, apart from what counts; empty where there are none. */
export function apart(rows: readonly RecordRow[]): string {
  const { unproven } = byWorth(rows);
  if (unproven.length === 0) return '';
  const whose = unproven.length === 1 ? 'By its own word' : 'By their own word';
  return `No known key signed ${count(unproven.length, 'record')}. ${whose}: ${verdictsText(verdictsOf(unproven))}. ${lossesText(unproven)} Whoever holds such a file could have written it.`;
}

/** What a record is worth, in a cell; why one proves nothing stands with the drill itself. */
export const worthText = (row: RecordRow): string =>
  row.outcome === null ? STATE_WORDS[row.state] : stateText(row);

/** Who ran a drill and who approved it, as far as anybody knows; empty where nothing says. */
export function peopleOf({ outcome }: RecordRow): readonly (readonly [what: string, who: string])[] {
  const context = outcome?.context ?? null;
  if (context === null) return [];
  return [
    ['run by', `${context.who.user} on ${context.who.host}`],
    ['approver, as typed', context.approver ?? 'nobody was named'],
  ];
}

/** Said beside each drill that is not counted. */
export const vouching = ({ state, outcome }: RecordRow): string =>
  outcome === null || state === 'signed'
    ? ''
    : 'No known key signed this record: what follows is its own word, and is not counted.';

function lossesText(rows: readonly RecordRow[]): string {
  const { lost, probeLost, acknowledged } = lossesOf(rows);
  const store = probeLost === 0 ? '' : ` ${formatCount(probeLost)} more by a store, of its probe's writes.`;
  return acknowledged === 0
    ? `No acknowledged operation was counted.${store}`
    : `${formatCount(lost)} of ${formatCount(acknowledged)} acknowledged operations found lost.${store}`;
}

/** What a report cannot say, at the end of both of its forms. */
export const CAVEAT =
  'A signature shows that nothing was altered since; it does not show that whoever held the key was honest. Names of people are what was typed or what the machine called them. A drill whose record is not here is in no number.';

export function period({ sinceMs, generatedAtMs, more }: DrillReport): string {
  const from =
    sinceMs === null
      ? more
        ? 'the newest records'
        : 'all records that are here'
      : `since ${whenText(sinceMs)} UTC`;
  const older = more && sinceMs !== null ? ' (older ones left out)' : '';
  return `${from}${older}, as of ${whenText(generatedAtMs)} UTC`;
}

/** Why an outcome is what it is; for a record that proves nothing, why it does not. */
export function whyOf({ state, problem, outcome }: RecordRow): string {
  if (outcome !== null) return outcome.reasons.join('; ');
  const why = problem === null ? '' : `: ${problem.replace(/\.$/, '')}`;
  return `${STATE_WORDS[state]} record, proves nothing${why}`;
}
