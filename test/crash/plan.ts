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
/** SIGKILL and a start, or SIGSTOP and SIGCONT. */
export type Act = 'kill' | 'hang';

/** One point of the matrix: under load, so long after it began, one process is killed or stopped for so long. */
export interface Point {
  readonly number: number;
  readonly victim: Victim;
  readonly act: Act;
  /** Which of several units of its kind: a share of them, 0 … 1. */
  readonly pick: number;
  readonly afterMs: number;
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

/**
 * Pure: every act on every victim `perKind` times, in an order drawn from the seed. A primary that hangs is not among
 * them: it is fenced and replaced as if it were dead, which is what the kill does.
 */
export function planPoints(seed: number, perKind = PER_KIND): Point[] {
  const random = randomFrom(seed);
  const kinds = VICTIMS.flatMap((victim) => {
    const acts: readonly Act[] = victim === 'postgres-primary' ? ['kill'] : ['kill', 'hang'];
    return acts.flatMap((act) => Array.from({ length: perKind }, () => ({ victim, act })));
  });
  return kinds
    .map((kind) => ({ kind, order: random() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ kind }, at) => ({
      number: at + 1,
      ...kind,
      pick: random(),
      afterMs: Math.round(EARLIEST_MS + random() * (LATEST_MS - EARLIEST_MS)),
      awayMs: Math.round(LEAST_AWAY_MS + random() * (MOST_AWAY_MS - LEAST_AWAY_MS)),
      seed: Math.floor(random() * 1_000_000),
    }));
}
