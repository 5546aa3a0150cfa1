import type { Attempt } from '../support/attempts.ts';
import type { Point } from './plan.ts';

/** What one attempt at a point showed. */
export interface Row extends Attempt<Point> {
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
}

/** What makes two points the same one. */
export const keyOf = (point: Point): string =>
  [point.number, point.victim, point.act, point.pick, point.afterMs, point.awayMs, point.seed].join(' ');
