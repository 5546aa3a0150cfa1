import type { HistorySeconds } from '../../load/seconds.ts';
import type { Entry } from '../../record/envelope.ts';
import { PHASE_BEGUN, PHASE_ENDED, PHASES, type Phase } from '../engine/phase.ts';

/** One column of a plot: a second, or several where there are too many. Times are seconds from the fault. */
export interface PlotColumn {
  readonly atS: number;
  /** Per second. */
  readonly acknowledged: number;
  readonly failed: number;
  /** Highest of its seconds; null: nothing was acknowledged. */
  readonly p99Ms: number | null;
}

export interface PlotPhase {
  readonly phase: Phase;
  readonly fromS: number;
  readonly toS: number;
}

/** What a drill's load saw, second by second, around its fault. */
export interface DrillTimeline {
  readonly columns: readonly PlotColumn[];
  /** Seconds that one column stands for. */
  readonly secondsPerColumn: number;
  readonly phases: readonly PlotPhase[];
  readonly fromS: number;
  readonly toS: number;
}

const MOST_COLUMNS = 360;

/** Pure: joins the seconds of a history with the phases of a journal; both are on the machine's monotonic clock. */
export function timelineOf(
  { startedNs, seconds }: HistorySeconds,
  entries: readonly Entry[],
): DrillTimeline | undefined {
  const faultNs = faultOf(entries);
  if (faultNs === undefined || seconds.length === 0) return undefined;
  const fromS = Number(startedNs - faultNs) / 1e9;
  const toS = fromS + seconds.length;
  const secondsPerColumn = Math.ceil(seconds.length / MOST_COLUMNS);
  const columns: PlotColumn[] = [];
  for (let at = 0; at < seconds.length; at += secondsPerColumn) {
    const part = seconds.slice(at, at + secondsPerColumn);
    const p99s = part.flatMap(({ p99Ms }) => (p99Ms === null ? [] : [p99Ms]));
    const mean = (of: (row: (typeof part)[number]) => number): number =>
      part.reduce((sum, row) => sum + of(row), 0) / part.length;
    columns.push({
      atS: fromS + at,
      acknowledged: mean(({ ok }) => ok),
      failed: mean(({ fail, info }) => fail + info),
      p99Ms: p99s.length === 0 ? null : Math.max(...p99s),
    });
  }
  const within = (atS: number): number => Math.min(toS, Math.max(fromS, atS));
  const phases = phasesOf(entries, faultNs).flatMap(({ phase, fromS: begins, toS: ends }) =>
    ends <= fromS || begins >= toS ? [] : [{ phase, fromS: within(begins), toS: within(ends) }],
  );
  return { columns, secondsPerColumn, phases, fromS, toS };
}

/** The moment that everything is measured from, as the engine wrote it down. */
function faultOf(entries: readonly Entry[]): bigint | undefined {
  const body = entries.findLast(({ kind }) => kind === 'drill.observed')?.body as
    | { readonly faultNs?: unknown }
    | undefined;
  return typeof body?.faultNs === 'string' && /^\d+$/.test(body.faultNs) ? BigInt(body.faultNs) : undefined;
}

/** Phases in seconds from the fault; one without an end is left out, and so are those of records that have no phases. */
export function phasesOf(entries: readonly Entry[], faultNs: bigint): PlotPhase[] {
  return PHASES.flatMap((phase) => {
    const at = (wanted: string): number | undefined => {
      const found = entries.find(
        ({ kind, body }) => kind === wanted && (body as { readonly phase?: unknown } | null)?.phase === phase,
      );
      return found === undefined ? undefined : Number(BigInt(found.monoNs) - faultNs) / 1e9;
    };
    const [fromS, toS] = [at(PHASE_BEGUN), at(PHASE_ENDED)];
    return fromS === undefined || toS === undefined || toS < fromS ? [] : [{ phase, fromS, toS }];
  });
}

/** What a plot shows, as sentences: for whoever cannot see it, and under it for everybody. Pure. */
export function describeTimeline({ columns, phases }: DrillTimeline): string {
  const before = columns.filter(({ atS }) => atS < -1);
  const after = columns.filter(({ atS }) => atS >= -1);
  const lowest = leastOf(after, ({ acknowledged }) => -acknowledged);
  const failing = leastOf(columns, ({ failed }) => failed);
  const slowest = leastOf(after, ({ p99Ms }) => p99Ms ?? -1);
  const usual = medianOf(before.map(({ acknowledged }) => acknowledged));
  const usualP99 = medianOf(before.flatMap(({ p99Ms }) => (p99Ms === null ? [] : [p99Ms])));
  const later = phases.find(({ phase }) => phase === 'after');
  const again = medianOf(
    columns.flatMap(({ atS, acknowledged }) =>
      later !== undefined && atS >= later.fromS && atS + 1 <= later.toS ? [acknowledged] : [],
    ),
  );
  return [
    `Acknowledged per second: ${usual === undefined ? 'nothing before the fault' : `${rounded(usual)} before the fault`}`,
    lowest === undefined ? '' : `, ${rounded(lowest.acknowledged)} at the lowest (${signed(lowest.atS)})`,
    again === undefined ? '.' : `, ${rounded(again)} after the restore.`,
    failing === undefined || failing.failed === 0
      ? ' Nothing failed.'
      : ` Failed: ${rounded(failing.failed)} a second at the most (${signed(failing.atS)}).`,
    usualP99 === undefined ? '' : ` p99: ${rounded(usualP99)} ms before the fault`,
    slowest === undefined || slowest.p99Ms === null
      ? ''
      : `${usualP99 === undefined ? ' p99: ' : ', '}${rounded(slowest.p99Ms)} ms at the worst (${signed(slowest.atS)}).`,
  ].join('');
}

function leastOf<T>(all: readonly T[], score: (one: T) => number): T | undefined {
  return all.reduce<T | undefined>(
    (best, one) => (best === undefined || score(one) > score(best) ? one : best),
    undefined,
  );
}

/** The middle one, or the mean of the middle two; undefined of nothing. */
export function medianOf(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}

export const rounded = (value: number): string =>
  (value < 10 && !Number.isInteger(value) ? Number(value.toFixed(1)) : Math.round(value)).toLocaleString(
    'en-US',
  );

/** `+3.2 s`, `−12 s`: from the fault. */
export function signed(seconds: number): string {
  const size = Math.abs(seconds);
  const text = size < 10 ? size.toFixed(1) : Math.round(size).toLocaleString('en-US');
  return `${seconds < 0 ? '−' : '+'}${text} s`;
}
