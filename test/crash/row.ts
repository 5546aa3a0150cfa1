import type { Point } from './plan.ts';

/** What one attempt at a point showed. */
export interface Row {
  readonly point: Point;
  /** Commit of the tree that was tried. */
  readonly version: string;
  readonly at: string;
  readonly unit: string;
  /** Who took over, where somebody did. */
  readonly note: string;
  readonly acknowledged: number;
  readonly unknown: number;
  /** Commands that ended without an answer at a gateway and were kept: the work that the sweeper had. Absent: not counted. */
  readonly kept?: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly oversold: number;
  /** Gaps and second decisions in the events topic. */
  readonly broken: number;
  /** Differences of the projections from the fold of the topic. */
  readonly differs: number;
  /** From the act until everything was back. */
  readonly backMs: number;
  /** What is wrong, as sentences. */
  readonly wrong: readonly string[];
  /** What could not be looked at, as sentences: without it nothing is passed. */
  readonly open: readonly string[];
}

export type End = 'passed' | 'failed' | 'inconclusive';

/** Pure: how an attempt ended. Wrong counts before open, and only nothing of both is passed. */
export function endOf({ wrong, open }: Pick<Row, 'wrong' | 'open'>): End {
  if (wrong.length > 0) return 'failed';
  return open.length > 0 ? 'inconclusive' : 'passed';
}

/** Pure: the last attempt at each point, in the order of the plan. */
export function lastOf(rows: readonly Row[]): Row[] {
  return [...new Map(rows.map((row) => [row.point.number, row])).values()].toSorted(
    (a, b) => a.point.number - b.point.number,
  );
}

/** Pure: the points of a plan that no attempt has passed yet. A row of another plan is of no point of this one. */
export function leftOf(planned: readonly Point[], rows: readonly Row[]): Point[] {
  const passed = new Set(rows.filter((row) => endOf(row) === 'passed').map(({ point }) => keyOf(point)));
  return planned.filter((point) => !passed.has(keyOf(point)));
}

/** Pure: attempts at points of this plan. */
export function rowsOf(planned: readonly Point[], rows: readonly Row[]): Row[] {
  const keys = new Set(planned.map(keyOf));
  return rows.filter(({ point }) => keys.has(keyOf(point)));
}

const keyOf = (point: Point): string =>
  [point.number, point.victim, point.act, point.pick, point.afterMs, point.awayMs, point.seed].join(' ');
