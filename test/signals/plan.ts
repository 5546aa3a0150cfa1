import { randomFrom } from '../../src/load/workload.ts';

export const COMMANDS = ['sandbox up', 'topics apply', 'load run', 'drill run', 'demo'] as const;
export type SignalledCommand = (typeof COMMANDS)[number];

export const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const;
export type PointSignal = (typeof SIGNALS)[number];

/** What must have been seen before the jitter begins. */
export type Cue =
  | { readonly kind: 'start' }
  /** So many lines of progress were printed. */
  | { readonly kind: 'lines'; readonly count: number }
  /** The load has begun its history. */
  | { readonly kind: 'history' }
  /** The drill's journal says so; `begun` is its first line. */
  | { readonly kind: 'journal'; readonly said: (typeof JOURNAL_CUES)[number] }
  /** The demo has printed its n-th command. */
  | { readonly kind: 'step'; readonly count: number };

export const JOURNAL_CUES = ['begun', 'step.intent', 'step.done', 'step.verified', 'step.undone'] as const;

/** One signal at one moment of one command. */
export interface Point {
  readonly number: number;
  readonly command: SignalledCommand;
  readonly signal: PointSignal;
  readonly cue: Cue;
  readonly jitterMs: number;
  /** The same signal once more a moment later: an impatient hand. */
  readonly twice: boolean;
}

/** How often each signal meets each command, and how long after a cue at most. */
const SHAPE: Readonly<Record<SignalledCommand, { readonly perSignal: number; readonly jitterMs: number }>> = {
  'sandbox up': { perSignal: 3, jitterMs: 600 },
  'topics apply': { perSignal: 3, jitterMs: 900 },
  'load run': { perSignal: 2, jitterMs: 4000 },
  'drill run': { perSignal: 2, jitterMs: 1200 },
  demo: { perSignal: 1, jitterMs: 3000 },
};
/** Two more of the demo, late: one that can be put right by itself and one that cannot. */
const LATE_DEMO: readonly PointSignal[] = ['SIGINT', 'SIGKILL'];
/** An apply is over in about a second: it is met from its first steps on. */
const APPLY_FROM_MS = 150;
const UP_LINES = 16;
const EARLY_STEPS = 4;
const LATE_STEPS = { from: 5, to: 9 };

/** The points of a seed, numbered from 1. Pure: the same seed gives the same points. */
export function planPoints(seed: number): readonly Point[] {
  const random = randomFrom(seed);
  const between = (from: number, to: number): number => from + Math.floor(random() * (to - from + 1));
  const points: Omit<Point, 'number'>[] = [];
  for (const command of COMMANDS) {
    const { perSignal, jitterMs } = SHAPE[command];
    for (const signal of SIGNALS)
      for (let turn = 0; turn < perSignal; turn += 1)
        points.push({
          command,
          signal,
          cue: cueOf(command, between),
          jitterMs: between(command === 'topics apply' ? APPLY_FROM_MS : 0, jitterMs),
          twice: turn === 1 && signal !== 'SIGKILL',
        });
  }
  for (const signal of LATE_DEMO) {
    const cue = { kind: 'step', count: between(LATE_STEPS.from, LATE_STEPS.to) } as const;
    points.push({ command: 'demo', signal, cue, jitterMs: between(0, SHAPE.demo.jitterMs), twice: false });
  }
  return points.map((point, at) => ({ number: at + 1, ...point }));
}

function cueOf(command: SignalledCommand, between: (from: number, to: number) => number): Cue {
  if (command === 'topics apply') return { kind: 'start' };
  if (command === 'sandbox up') return { kind: 'lines', count: between(0, UP_LINES) };
  if (command === 'load run') return { kind: 'history' };
  if (command === 'demo') return { kind: 'step', count: between(1, EARLY_STEPS) };
  return { kind: 'journal', said: JOURNAL_CUES[between(0, JOURNAL_CUES.length - 1)] ?? 'begun' };
}

/** How a moment is written in the table. */
export function momentOf({ cue, jitterMs, twice }: Point): string {
  const after = {
    start: 'its start',
    lines: `line ${cue.kind === 'lines' ? cue.count : 0} of its progress`,
    history: 'its history was begun',
    journal: `its journal said ${cue.kind === 'journal' ? cue.said : ''}`,
    step: `its command ${cue.kind === 'step' ? cue.count : 0}`,
  }[cue.kind];
  return `${jitterMs} ms after ${after}${twice ? ', twice' : ''}`;
}
