import { randomFrom } from '../../src/load/workload.ts';

export const VICTIMS = [
  'gateway',
  'commands',
  'projector',
  'sweeper',
  'broker',
  'postgres-primary',
  'redis-master',
] as const;
export type Victim = (typeof VICTIMS)[number];
export const ACTS = ['kill', 'hang'] as const;
/** SIGKILL and a start, or SIGSTOP and SIGCONT. */
export type Act = (typeof ACTS)[number];

/** One point of the matrix: under load, so long after it began, one process is killed or stopped for so long. */
export interface Point {
  readonly number: number;
  readonly victim: Victim;
  readonly act: Act;
  /** Which of several units of its kind: a share of them, 0 … 1. */
  readonly pick: number;
  readonly afterMs: number;
  /** Until it comes back; of a Postgres primary: until somebody begins to replace it. */
  readonly awayMs: number;
  /** Of this point's load. */
  readonly seed: number;
}

export const PER_KIND = 4;
const EARLIEST_MS = 500;
const LATEST_MS = 4_000;
const LEAST_AWAY_MS = 500;
/** Longer than a session of a broker (3 s) and the node time-out of Redis (2 s): some hangs are noticed, some are not. */
const MOST_AWAY_MS = 8_000;
/** A coordinator that needs longer to believe that a primary is dead is none. */
const MOST_UNNOTICED_MS = 3_000;
/** The load goes on after the victim is back: what a return breaks must meet somebody. */
export const AFTERWARDS_MS = 4_000;
/** A return takes its time on two busy cores: a start and its readiness, a replica that takes over, a failover with a rewind. */
const RETURN_MS = 60_000;

/** Pure: every act on every victim `perKind` times, in an order drawn from the seed. */
export function planPoints(seed: number, perKind = PER_KIND): Point[] {
  const random = randomFrom(seed);
  const kinds = VICTIMS.flatMap((victim) =>
    ACTS.flatMap((act) => Array.from({ length: perKind }, () => ({ victim, act }))),
  );
  return kinds
    .map((kind) => ({ kind, order: random() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ kind }, at) => {
      const mostMs = kind.victim === 'postgres-primary' ? MOST_UNNOTICED_MS : MOST_AWAY_MS;
      return {
        number: at + 1,
        ...kind,
        pick: random(),
        afterMs: Math.round(EARLIEST_MS + random() * (LATEST_MS - EARLIEST_MS)),
        awayMs: Math.round(LEAST_AWAY_MS + random() * (mostMs - LEAST_AWAY_MS)),
        seed: Math.floor(random() * 1_000_000),
      };
    });
}

/** Pure: how long the load of a point runs if nobody ends it, s. It is ended `AFTERWARDS_MS` after the return. */
export function loadSecondsOf({ afterMs, awayMs }: Point): number {
  return Math.ceil((afterMs + awayMs + RETURN_MS + AFTERWARDS_MS) / 1000);
}
