import { setTimeout as delay } from 'node:timers/promises';
import { describePoint, type Point } from './points.ts';
import type { Struck } from './strike.ts';

/** What became of one point. */
export interface Outcome {
  readonly point: Point;
  readonly attempts: number;
  readonly shellCode: number | null;
  readonly endedInMs: number | null;
  /** What was found afterwards, in a few words. */
  readonly afterwards: string;
  readonly problems: readonly string[];
}

/** One attempt at a point: strike, then look at what is left. */
export interface Attempt {
  readonly struck: Struck;
  readonly afterwards: string;
  readonly problems: readonly string[];
}

export type TryPoint = (point: Point, delayMs: number) => Promise<Attempt>;

const ATTEMPTS = 4;
const BETWEEN_MS = 200;

/**
 * Tries a point until its signal met the command alive: an attempt that came too late is looked at all the same, counts
 * for nothing, and the next one waits half as long. Too late every time is a failure, never a pass.
 */
export async function runPoint(point: Point, tryPoint: TryPoint): Promise<Outcome> {
  let delayMs = point.moment.delayMs;
  for (let attempts = 1; attempts <= ATTEMPTS; attempts += 1) {
    const { struck, afterwards, problems } = await tryPoint(point, delayMs);
    const { shellCode, endedInMs, tooLate } = struck;
    if (!tooLate || problems.length > 0)
      return { point, attempts, shellCode, endedInMs, afterwards, problems };
    delayMs = Math.floor(delayMs / 2);
    await delay(BETWEEN_MS);
  }
  const late = `${describePoint(point)}: always came too late`;
  return {
    point,
    attempts: ATTEMPTS,
    shellCode: null,
    endedInMs: null,
    afterwards: 'not struck',
    problems: [late],
  };
}
