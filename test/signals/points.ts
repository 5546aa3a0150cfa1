import { randomFrom, shuffle } from '../../src/load/workload.ts';

export const COMMANDS = ['sandbox up', 'demo', 'topics apply', 'load run', 'drill run'] as const;
export type Command = (typeof COMMANDS)[number];
export const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const;
export type Signal = (typeof SIGNALS)[number];

/** When to strike: so long after something that can be seen from outside (a file, a journal entry, a printed line). */
export interface Moment {
  readonly after: string;
  readonly delayMs: number;
}

/** One interruption. Seed and number decide everything about it but how fast the machine is. */
export interface Point {
  readonly number: number;
  readonly command: Command;
  readonly signal: Signal;
  readonly moment: Moment;
  /** A second, impatient signal of the same kind this long after the first. */
  readonly againAfterMs?: number;
}

interface Window {
  readonly after: string;
  readonly fromMs: number;
  readonly toMs: number;
}

const window = (after: string, toMs: number, fromMs = 0): Window => ({ after, fromMs, toMs });

/**
 * Where each command is struck, one point per line. Much in the cheap commands; the dear ones where their state changes:
 * around the fault of a drill, and in the steps of the demo.
 */
const WINDOWS: Readonly<Record<Command, readonly Window[]>> = {
  'sandbox up': [
    window('start', 150),
    window('start', 600),
    window('manifest', 150),
    window('manifest', 600),
    window('unit redis-1', 500),
    window('unit postgres-az-a', 1_000),
    window('unit postgres-az-c', 2_000),
    window('unit kafka-1', 300),
    window('unit kafka-1', 4_000),
    window('unit pgbouncer', 500),
    window('unit gateway-1', 50),
    window('unit projector-1', 400),
    window('cold start', 1_500),
    window('cold unit kafka-training', 4_000),
  ],
  demo: [
    window('step sandbox up', 1_000),
    window('step sandbox up', 9_000),
    window('step topics apply', 800),
    window('step load run', 8_000),
    window('step drill run', 6_000),
    window('step drill run', 25_000, 10_000),
    window('step sandbox up', 5_000, 2_000),
    window('step sandbox down', 1_500),
  ],
  'topics apply': [
    window('start', 200),
    window('start', 900, 200),
    window('run folder', 40),
    window('entry topics.plan', 20),
    window('entry topics.plan', 60),
    window('entry step.intent', 10),
    window('entry step.intent', 80),
    window('entry step.intent', 300),
    window('entry step.done', 20),
    window('entry step.done', 150),
  ],
  'load run': [
    window('start', 200),
    window('start', 900, 200),
    window('history', 100),
    window('history', 1_500),
    window('first acknowledgement', 200),
    window('first acknowledgement', 1_500),
    window('first acknowledgement', 3_000, 1_500),
    window('history', 6_400, 5_200),
    window('history', 6_950, 6_600),
    window('first acknowledgement', 6_000),
  ],
  'drill run': [
    window('entry drill.started', 1_500),
    window('entry load.started', 4_000),
    window('entry drill.baseline', 10),
    window('kill step.intent', 30),
    window('kill step.intent', 80),
    window('kill step.done', 20),
    window('kill step.verified', 4_000),
    window('kill step.verified', 8_000, 4_000),
    window('entry step.undoIntent', 1_500),
    window('kill step.undone', 3_000),
    window('entry drill.result', 5),
  ],
};

/** A terminal and npm both pass a Ctrl-C on: the demo takes what comes within a second for one. */
const AGAIN: Readonly<Record<Command, readonly [fromMs: number, toMs: number]>> = {
  'sandbox up': [20, 800],
  demo: [1_100, 3_000],
  'topics apply': [5, 100],
  'load run': [20, 1_500],
  'drill run': [50, 4_000],
};
/** Share of the signals that can be answered which come twice. */
const TWICE = 0.4;

/**
 * All points of a seed, numbered from 1. Each command meets every signal; which moment meets which signal, how long
 * after the event, and which come twice is the seed's. Pure.
 */
export function planPoints(seed: number): Point[] {
  const random = randomFrom(seed);
  const between = (fromMs: number, toMs: number): number =>
    fromMs + Math.floor(random() * (toMs - fromMs + 1));
  const points = COMMANDS.flatMap((command) => {
    const windows = WINDOWS[command];
    const signals = windows.map((_, at) => SIGNALS[at % SIGNALS.length] ?? 'SIGINT');
    shuffle(signals, random);
    return windows.map(({ after, fromMs, toMs }, at) => {
      const signal = signals[at] ?? 'SIGINT';
      const moment = { after, delayMs: between(fromMs, toMs) };
      const twice = random() < TWICE;
      const againAfterMs = between(...AGAIN[command]);
      return { command, signal, moment, ...(twice && signal !== 'SIGKILL' ? { againAfterMs } : {}) };
    });
  });
  return points.map((point, at) => ({ number: at + 1, ...point }));
}

const NUMBERS: Readonly<Record<Signal, number>> = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1, SIGKILL: 9 };

/** The exit code a shell sees after this signal. */
export const shellCodeOf = (signal: Signal): number => 128 + NUMBERS[signal];

/** A point as one reads it: `SIGINT twice, 340 ms after step.intent`. */
export function describePoint({ command, signal, moment, againAfterMs }: Point): string {
  const twice = againAfterMs === undefined ? '' : ` and again ${againAfterMs} ms later`;
  return `${command}: ${signal} ${moment.delayMs} ms after ${moment.after}${twice}`;
}
