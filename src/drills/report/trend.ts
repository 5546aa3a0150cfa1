import type { RecordRow } from '../record/row.ts';
import { medianOf } from './timeline.ts';

/** One drill in one quarter: only what records prove. */
export interface TrendRow {
  /** `2026 Q4`, by the UTC day on which the drill began. */
  readonly quarter: string;
  readonly drill: string;
  readonly runs: number;
  readonly held: number;
  readonly deviated: number;
  readonly inconclusive: number;
  readonly notRestored: number;
  /** Of the runs that were seen back inside their SLO; null: none was. */
  readonly recoveryMedianMs: number | null;
  readonly recoveryWorstMs: number | null;
  /** The tightest target of them; null: none stands in a record. */
  readonly targetMs: number | null;
  readonly acknowledged: number;
  readonly lost: number;
  /** By the stores themselves, of what their probes wrote; null: no drill had one. */
  readonly probeLost: number | null;
}

/** Pure: quarters, newest first, each with its drills by name. Rows that prove nothing are not counted anywhere. */
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
  const outcomes = group.flatMap(({ outcome }) => (outcome === null ? [] : [outcome]));
  const results = outcomes.flatMap(({ result }) => (result === null ? [] : [result]));
  const recoveries = results.flatMap(({ recovery: { backInsideSloMs: ms } }) => (ms === null ? [] : [ms]));
  const probes = results.flatMap(({ probe }) => (probe === null ? [] : [probe]));
  const targets = results.map(({ recoveryTargetMs }) => recoveryTargetMs);
  const count = (matches: (one: (typeof outcomes)[number]) => boolean): number =>
    outcomes.filter(matches).length;
  return {
    quarter,
    drill,
    runs: outcomes.length,
    held: count(({ hypothesis }) => hypothesis === 'held'),
    deviated: count(({ hypothesis }) => hypothesis === 'deviated'),
    inconclusive: count(({ hypothesis }) => hypothesis === 'inconclusive' || hypothesis === null),
    notRestored: count(({ restored }) => restored === 'notRestored'),
    recoveryMedianMs: medianOf(recoveries) ?? null,
    recoveryWorstMs: recoveries.length === 0 ? null : Math.max(...recoveries),
    targetMs: targets.length === 0 ? null : Math.min(...targets),
    acknowledged: results.reduce((sum, { judgement }) => sum + judgement.acknowledged, 0),
    lost: results.reduce((sum, { judgement }) => sum + judgement.lost.length, 0),
    probeLost: probes.length === 0 ? null : probes.reduce((sum, { lostCount }) => sum + lostCount, 0),
  };
}

export function quarterOf(atMs: number): string {
  const at = new Date(atMs);
  return `${at.getUTCFullYear()} Q${Math.floor(at.getUTCMonth() / 3) + 1}`;
}
