/** One attempt at a point of a matrix. */
export interface Attempt<P extends Numbered = Numbered> {
  readonly point: P;
  /** What is wrong, as sentences. */
  readonly wrong: readonly string[];
  /** What could not be looked at, as sentences: without it nothing is passed. */
  readonly open: readonly string[];
}

export interface Numbered {
  readonly number: number;
}

export type End = 'passed' | 'failed' | 'inconclusive';

/** Pure: how an attempt ended. Wrong counts before open, and only nothing of both is passed. */
export function endOf({ wrong, open }: Pick<Attempt, 'wrong' | 'open'>): End {
  if (wrong.length > 0) return 'failed';
  return open.length > 0 ? 'inconclusive' : 'passed';
}

/** Pure: the last attempt at each point, in the order of the plan. */
export function lastOf<R extends Attempt>(rows: readonly R[]): R[] {
  return [...new Map(rows.map((row) => [row.point.number, row])).values()].toSorted(
    (a, b) => a.point.number - b.point.number,
  );
}

/** What makes two points the same one, for resuming. */
export type KeyOf<P> = (point: P) => string;

/** Pure: the points of a plan that no attempt has passed yet. A row of another plan is of no point of this one. */
export function leftOf<P extends Numbered>(
  planned: readonly P[],
  rows: readonly Attempt<P>[],
  keyOf: KeyOf<P>,
): P[] {
  const passed = new Set(rows.filter((row) => endOf(row) === 'passed').map(({ point }) => keyOf(point)));
  return planned.filter((point) => !passed.has(keyOf(point)));
}

/** Pure: attempts at points of this plan. */
export function rowsOf<P extends Numbered, R extends Attempt<P>>(
  planned: readonly P[],
  rows: readonly R[],
  keyOf: KeyOf<P>,
): R[] {
  const keys = new Set(planned.map(keyOf));
  return rows.filter(({ point }) => keys.has(keyOf(point)));
}

/** An inconclusive point is tried this often in one run; a failed one once. */
const TRIES = 3;

/** Pure: the points to go on with. `tried`: how often in this run, by number. */
export function nextOf<P extends Numbered>(
  left: readonly P[],
  rows: readonly Attempt<P>[],
  tried: ReadonlyMap<number, number>,
): P[] {
  return left.filter(({ number }) => {
    const last = rows.findLast(({ point }) => point.number === number);
    const again = last !== undefined && endOf(last) === 'inconclusive';
    return (tried.get(number) ?? 0) < (again ? TRIES : 1);
  });
}
