import type { Point } from './plan.ts';
import type { Row } from './row.ts';

/** An attempt that passed, changed as a test needs it. */
export function rowFor(point: Point, over: Partial<Row> = {}): Row {
  return {
    point,
    version: 'abc1234',
    at: '2026-01-01T00:00:00Z',
    unit: 'kafka-1',
    note: '',
    acknowledged: 400,
    unknown: 2,
    lost: 0,
    duplicates: 0,
    oversold: 0,
    broken: 0,
    differs: 0,
    backMs: 5400,
    wrong: [],
    open: [],
    ...over,
  };
}
