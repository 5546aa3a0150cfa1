import type { Point } from './plan.ts';
import type { Row } from './row.ts';

/** An attempt that passed, changed as a test needs it. */
export function rowFor(point: Point, over: Partial<Row> = {}): Row {
  return {
    ...{ point, version: 'abc1234', at: '2026-01-01T00:00:00Z', landed: 'step.intent', by: 'recover' },
    ...{
      undone: 2,
      backMs: 9000,
      tookMs: 60_000,
      acknowledged: 400,
      unknown: 3,
      lost: 0,
      wrong: [],
      open: [],
    },
    ...over,
  };
}
