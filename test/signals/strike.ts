import { setTimeout as delay } from 'node:timers/promises';
import { reasonOf } from '../../src/core/error.ts';
import type { CliResult, RunningCli } from '../support/sandbox-cli.ts';
import { type Point, shellCodeOf } from './points.ts';

/** How a command ended that was struck. */
export interface Struck {
  readonly result: CliResult;
  /** From the first signal to its end. */
  readonly endedInMs: number;
  /** Exit code as a shell sees it. */
  readonly shellCode: number;
  /** It had come to its end before the signal could do anything: the point has to be tried again. */
  readonly tooLate: boolean;
}

export interface StrikeRequest {
  readonly child: RunningCli;
  readonly point: Point;
  /** Whether the event of the point's moment can be seen by now. */
  readonly seen: () => Promise<boolean>;
  readonly lookEveryMs: number;
  /** Shorter than the point's own when an earlier attempt came too late. */
  readonly delayMs: number;
  /** Called right before the signal. */
  readonly before?: () => Promise<void>;
}

const EVENT_MS = 180_000;
/** What ended with success this soon after the signal had left its last await before it. */
const AT_THE_END_MS = 400;

/** Waits for the point's moment, sends its signals, and waits for the end. Throws when the event never came. */
export async function strike(request: StrikeRequest): Promise<Struck> {
  const { child, point, delayMs } = request;
  let over = false;
  const ended = child.ended.finally(() => {
    over = true;
  });
  ended.catch(() => undefined);
  await eventSeen(request, () => over);
  if (delayMs > 0) await Promise.race([delay(delayMs), ended]);
  await request.before?.();
  const tooEarly = over;
  const struckMs = performance.now();
  child.kill(point.signal);
  if (point.againAfterMs !== undefined) {
    await Promise.race([delay(point.againAfterMs), ended]);
    if (!over) child.kill(point.signal);
  }
  const result = await ended;
  const endedInMs = Math.round(performance.now() - struckMs);
  const shellCode = result.signal === null ? (result.exit ?? -1) : shellCodeOf(result.signal as 'SIGINT');
  return {
    result,
    endedInMs,
    shellCode,
    tooLate: tooEarly || (shellCode === 0 && endedInMs < AT_THE_END_MS),
  };
}

async function eventSeen({ seen, lookEveryMs, point }: StrikeRequest, over: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + EVENT_MS;
  let last = '';
  while (!over()) {
    try {
      if (await seen()) return;
    } catch (error) {
      last = reasonOf(error);
    }
    if (performance.now() > deadlineMs)
      throw new Error(`"${point.moment.after}" did not come within ${EVENT_MS} ms ${last}`);
    await delay(lookEveryMs);
  }
}

/** What is wrong with the way it ended: another code than the signal's, or too slow. */
export function problemsOf(
  { shellCode, endedInMs, result }: Struck,
  point: Point,
  boundMs: number,
): string[] {
  const wanted = shellCodeOf(point.signal);
  const problems: string[] = [];
  if (shellCode !== wanted)
    problems.push(`exit ${shellCode} instead of ${wanted}: ${tail(result.stderr || result.stdout)}`);
  if (endedInMs > boundMs) problems.push(`ended after ${endedInMs} ms, bound ${boundMs} ms`);
  return problems;
}

const TAIL = 400;

/** The end of what a program said, on one line. */
export const tail = (text: string): string => text.trim().slice(-TAIL).replaceAll(/\s+/g, ' ');
