import { lostText, type RecordRow } from '../record/row.ts';
import { byWorth, verdictsOf } from '../record/worth.ts';
import { medianOf } from './timeline.ts';

/** One drill in one quarter: only what records prove that a known key signed. */
export interface TrendRow {
  /** `2026 Q4`, by the UTC day on which the drill began. */
  readonly quarter: string;
  readonly drill: string;
  readonly runs: number;
  readonly held: number;
  readonly deviated: number;
  readonly inconclusive: number;
  /** Runs of it whose record no known key signed: in no other number here. */
  readonly notCounted: number;
  readonly notRestored: number;
  /** Runs that were seen back inside their SLO. */
  readonly recoveries: number;
  /** Of those; null: none was. */
  readonly recoveryMedianMs: number | null;
  readonly recoveryWorstMs: number | null;
  /** The tightest target of them; null: none stands in a record. */
  readonly targetMs: number | null;
  readonly acknowledged: number;
  readonly lost: number;
  /** By the stores themselves, of what their probes wrote; null: no drill had one. */
  readonly probeLost: number | null;
}

/** Pure: quarters, newest first, each with its drills by name. What proves nothing is not counted anywhere. */
export function trendOf(rows: readonly RecordRow[]): TrendRow[] {
  const groups = new Map<string, RecordRow[]>();
  for (const row of rows) {
    if (row.outcome === null) continue;
    const key = `${quarterOf(row.atMs)}\n${row.outcome.drill}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const all = [...groups].map(([key, group]) => {
    const [quarter = '', drill = ''] = key.split('\n');
    return trendRow(quarter, drill, group);
  });
  return all.toSorted((a, b) => b.quarter.localeCompare(a.quarter) || a.drill.localeCompare(b.drill));
}

function trendRow(quarter: string, drill: string, group: readonly RecordRow[]): TrendRow {
  const { proven, unproven } = byWorth(group);
  const results = proven.flatMap(({ outcome }) => outcome?.result ?? []);
  const recoveries = results.flatMap(({ recovery: { backInsideSloMs: ms } }) => (ms === null ? [] : [ms]));
  const probes = results.flatMap(({ probe }) => (probe === null ? [] : [probe]));
  const targets = results.map(({ recoveryTargetMs }) => recoveryTargetMs);
  return {
    quarter,
    drill,
    runs: proven.length,
    ...verdictsOf(proven),
    notCounted: unproven.length,
    notRestored: proven.filter(({ outcome }) => outcome?.restored === 'notRestored').length,
    recoveries: recoveries.length,
    recoveryMedianMs: medianOf(recoveries) ?? null,
    recoveryWorstMs: recoveries.length === 0 ? null : Math.max(...recoveries),
    targetMs: targets.length === 0 ? null : Math.min(...targets),
    acknowledged: results.reduce((sum, { judgement }) => sum + judgement.acknowledged, 0),
    lost: results.reduce((sum, { judgement }) => sum + judgement.lost.length, 0),
    probeLost: probes.length === 0 ? null : probes.reduce((sum, { lostCount }) => sum + lostCount, 0),
  };
}

/** `4 of 16,824`; nothing where no operation was counted. */
export const lostOf = (row: TrendRow): string =>
  row.acknowledged === 0 && row.probeLost === null ? '–' : lostText(row);

/** In how many runs the recovery was seen, where it was not in all: what was not seen has no place in a median. */
export const seenText = ({ recoveries, runs }: TrendRow): string =>
  recoveries === runs ? '' : `seen in ${recoveries} of ${runs}`;

export function quarterOf(atMs: number): string {
  const at = new Date(atMs);
  return `${at.getUTCFullYear()} Q${Math.floor(at.getUTCMonth() / 3) + 1}`;
}
