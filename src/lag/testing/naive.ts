import { type LagState, STATES } from '../types.ts';

export const TOLERANCE_MS = 10_000;
export const PATIENCE_MS = 6000;

/** One partition as it really is, record by record, and what two looks at it saw. */
export interface Model {
  /** Age of each record at the last look, the oldest first; null: a transaction marker. */
  readonly ages: readonly (number | null)[];
  readonly start: number;
  /** End of the log at the first look. */
  readonly endBefore: number;
  readonly before: number;
  readonly after: number;
  readonly stable: number;
  readonly leaderAway: boolean;
  readonly ageUntold: boolean;
}

export interface Naive {
  readonly state: LagState | undefined;
  readonly records: number;
  readonly lost: number;
  readonly behindMs: number;
  readonly complete: boolean;
}

interface Counted {
  readonly state: string;
  readonly unread: number;
  readonly gone: number;
  /** Undefined: it cannot be told. */
  readonly oldestMs: number | undefined;
}

/** Counts record by record, and says in plain words what each state means: what the judge has to agree with. */
export function naively(models: readonly Model[], windowMs: number): Naive {
  const told = models.filter((one) => !one.leaderAway);
  const counted = told.map((one) => countOne(one, windowMs));
  const states = new Set(counted.map(({ state }) => state));
  if (told.length < models.length) states.add('noAnswer');
  const busy = told.some((one) => one.after !== one.before || one.endBefore !== one.ages.length);
  if (states.delete('caughtUp')) states.add(busy ? 'ok' : 'idle');
  if (states.delete('far')) states.add(direction(told));
  return {
    state: STATES.find((each) => states.has(each)),
    records: counted.reduce((sum, { unread }) => sum + unread, 0),
    lost: counted.reduce((sum, { gone }) => sum + gone, 0),
    behindMs: Math.max(0, ...counted.map(({ oldestMs }) => oldestMs ?? 0)),
    complete: told.length === models.length && counted.every(({ oldestMs }) => oldestMs !== undefined),
  };
}

function countOne(one: Model, windowMs: number): Counted {
  if (one.after > one.ages.length) return { state: 'beyond', unread: 0, gone: 0, oldestMs: undefined };
  const open = one.ages.map((age, at) => ({ age, at })).filter(({ at }) => at >= one.after);
  const gone = open.filter(({ at }) => at < one.start).length;
  const there = open.filter(({ at }) => at >= one.start);
  const ages = there.flatMap(({ age }) => (age === null ? [] : [age]));
  // Only markers: nothing that anybody could consume. That takes having looked.
  const unread = ages.length === 0 && !one.ageUntold ? 0 : there.length;
  const oldestMs = unread > 0 && one.ageUntold ? undefined : Math.max(0, ...ages);
  const state = gone > 0 ? 'lost' : stateOf(one, { unread, oldestMs }, windowMs);
  return { state, unread, gone, oldestMs };
}

function stateOf(
  one: Model,
  { unread, oldestMs }: { readonly unread: number; readonly oldestMs: number | undefined },
  windowMs: number,
): string {
  if (unread === 0) return 'caughtUp';
  if (oldestMs !== undefined && oldestMs <= TOLERANCE_MS) return 'ok';
  const stood = one.after === one.before && one.endBefore > one.before;
  if (stood && one.after >= one.stable) return 'blocked';
  return stood && windowMs >= PATIENCE_MS ? 'stalled' : 'far';
}

function direction(models: readonly Model[]): string {
  const before = models.reduce((sum, one) => sum + (one.endBefore - one.before), 0);
  const after = models.reduce((sum, one) => sum + (one.ages.length - one.after), 0);
  if (after > before) return 'growing';
  return after < before ? 'draining' : 'behind';
}
