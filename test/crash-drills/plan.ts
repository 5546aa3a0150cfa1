import type { DrillId } from '../../src/drills/names.ts';
import { WORLDS } from '../../src/drills/testing/worlds.ts';
import { randomFrom } from '../../src/load/workload.ts';

/** One drill of each store, and of the service. */
export const DRILLS = [
  'postgres-primary-loss',
  'kafka-broker-loss',
  'redis-shard-loss',
  'projector-loss',
] as const satisfies readonly DrillId[];
export type CrashedDrill = (typeof DRILLS)[number];

/** Who gets SIGKILL: the run alone, or the run and the watchdog that would put things back. */
export const COLUMNS = ['run', 'both'] as const;
export type Column = (typeof COLUMNS)[number];

/** One point: a drill is killed right after the intent of this step is on its disk. */
export interface Point {
  readonly number: number;
  readonly drill: CrashedDrill;
  /** Of the fault, from 1. */
  readonly step: number;
  readonly kind: string;
  readonly column: Column;
  /** Of the load. */
  readonly seed: number;
}

/** What makes two points the same one. */
export const keyOf = ({ drill, step, kind, column, seed }: Point): string =>
  [drill, step, kind, column, seed].join(' ');

/** Kinds of the steps of each drill's fault, in order. */
export type StepKinds = Readonly<Record<CrashedDrill, readonly string[]>>;

/** As the drills' own planners make them: a new step is a new point. */
export async function plannedKinds(): Promise<StepKinds> {
  const kinds = async (drill: CrashedDrill): Promise<string[]> =>
    (await WORLDS[drill]()).steps.map(({ kind }) => kind);
  return {
    'postgres-primary-loss': await kinds('postgres-primary-loss'),
    'kafka-broker-loss': await kinds('kafka-broker-loss'),
    'redis-shard-loss': await kinds('redis-shard-loss'),
    'projector-loss': await kinds('projector-loss'),
  };
}

/**
 * Pure: every step of every drill, once a column. Drills take turns, each spread evenly over the whole: a shard of Redis
 * may not change its leader again so soon, and while another store is struck that time passes.
 */
export function planPoints(seed: number, kinds: StepKinds, columns: readonly Column[]): Point[] {
  const random = randomFrom(seed);
  return columns
    .flatMap((column, at) =>
      DRILLS.flatMap((drill) =>
        kinds[drill].map((kind, index, { length }) => ({
          ...{ drill, step: index + 1, kind, column },
          order: at + (index + 0.5) / length,
        })),
      ),
    )
    .toSorted((a, b) => a.order - b.order)
    .map(({ order: _, ...point }, at) => ({
      number: at + 1,
      ...point,
      seed: Math.floor(random() * 1_000_000),
    }));
}

/** Pure: the points that `--only` names: `drill` or `drill:step`; all where it names none. */
export function chosenOf(points: readonly Point[], only: readonly string[]): Point[] {
  return points.filter(
    ({ drill, step }) => only.length === 0 || only.includes(drill) || only.includes(`${drill}:${step}`),
  );
}
