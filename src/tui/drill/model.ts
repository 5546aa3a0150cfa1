import type { ProgressEvent } from '../../core/blocks.ts';
import type { LiveEvent, LiveLoad, LivePhase, LivePlan, LiveSecond, LiveSeen } from '../../core/live.ts';

/** The rows of the view, in the order in which a drill goes through them. */
export const VIEW_PHASES = [
  'preflight',
  'baseline',
  'fault',
  'restore',
  'after',
  'final reads',
  'verdict',
] as const;
export type ViewPhase = (typeof VIEW_PHASES)[number];

/** `ended`: it is over, and nothing said that it was done. */
export type PhaseMark = 'waiting' | 'running' | 'ended' | 'done' | 'failed';

export interface PhaseView {
  readonly mark: PhaseMark;
  readonly beganMs?: number;
  readonly endedMs?: number;
  /** What it does, or what came of it. */
  readonly text: string;
}

/** Everything that the view knows. Times are ms of one monotonic clock, as the events came in. */
export interface DrillView {
  readonly beganMs: number;
  readonly drill: string;
  readonly phase: ViewPhase;
  readonly phases: Readonly<Record<ViewPhase, PhaseView>>;
  readonly plan?: LivePlan;
  readonly load?: Omit<LiveLoad, 'seconds'>;
  /** The load has ended: what came of it. */
  readonly loadEnded?: string;
  /** The last of them, at most SECONDS_KEPT, oldest first. */
  readonly seconds: readonly LiveSecond[];
  readonly seen?: LiveSeen & { readonly atMs: number };
  /** Steps of the fault that were begun. */
  readonly stepsBegun: number;
  /** From the fault until everything was back. */
  readonly restoredInMs?: number;
  /** Why the drill was asked to end, in the order of asking: names of signals. */
  readonly asked: readonly string[];
  /** What others wanted to print meanwhile: the last lines of it. */
  readonly notes: readonly string[];
}

/** What the view is told. */
export type ViewEvent =
  | LiveEvent
  | ({ readonly kind: 'line' } & ProgressEvent)
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'asked'; readonly reason: string };

export const SECONDS_KEPT = 60;
const NOTES_KEPT = 20;
const ASKED_KEPT = 3;

/** Before anything is known: the preflight has begun. */
export function emptyView(drill: string, nowMs: number): DrillView {
  const waiting: PhaseView = { mark: 'waiting', text: '' };
  const phases = Object.fromEntries(VIEW_PHASES.map((phase) => [phase, waiting])) as DrillView['phases'];
  const view = { drill, phases, seconds: [], stepsBegun: 0, asked: [], notes: [] };
  return begun({ ...view, beganMs: nowMs, phase: 'preflight' }, 'preflight', nowMs);
}

/** Pure: adds one event. Any order of events makes a view; what does not fit changes nothing. */
export function foldView(view: DrillView, event: ViewEvent, nowMs: number): DrillView {
  switch (event.kind) {
    case 'plan':
      return { ...view, plan: event };
    case 'load':
      return withLoad(view, event);
    case 'seen':
      return { ...view, seen: { ...event, atMs: nowMs } };
    case 'phase':
      return event.state === 'begun' ? begun(view, event.phase, nowMs) : ended(view, event.phase, nowMs);
    case 'step':
      return withStep(view, event);
    case 'line':
      return withLine(view, event, nowMs);
    case 'note':
      return { ...view, notes: [...view.notes, ...linesOf(event.text)].slice(-NOTES_KEPT) };
    case 'asked':
      return { ...view, asked: [...view.asked, event.reason].slice(0, ASKED_KEPT) };
  }
}

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '');

const changed = (view: DrillView, phase: ViewPhase, to: Partial<PhaseView>): DrillView => ({
  ...view,
  phases: { ...view.phases, [phase]: { ...view.phases[phase], ...to } },
});

/** A phase that begins ends the one before it. */
function begun(view: DrillView, phase: ViewPhase, nowMs: number): DrillView {
  const { mark } = view.phases[phase];
  // The baseline waits for the lock and the load first: its clock starts when it does.
  if (mark === 'running') return changed(view, phase, { beganMs: nowMs });
  if (mark !== 'waiting') return view;
  const before = over(view, view.phase, nowMs);
  return changed({ ...before, phase }, phase, { mark: 'running', beganMs: nowMs });
}

function over(view: DrillView, phase: ViewPhase, nowMs: number, mark: PhaseMark = 'ended'): DrillView {
  if (view.phases[phase].mark !== 'running') return view;
  return changed(view, phase, { mark, endedMs: nowMs });
}

function ended(view: DrillView, phase: LivePhase, nowMs: number): DrillView {
  // Nothing but time comes of it, and what follows has no line of its own in the journal.
  if (phase === 'after')
    return view.asked.length > 0
      ? over(view, phase, nowMs)
      : begun(over(view, phase, nowMs, 'done'), 'final reads', nowMs);
  return over(view, phase, nowMs);
}

/** Which row a line of progress belongs to. */
const ROW_OF: Readonly<Record<string, ViewPhase>> = {
  preflight: 'preflight',
  baseline: 'baseline',
  inject: 'fault',
  observe: 'fault',
  restore: 'restore',
  'store probe': 'final reads',
  'final reads': 'final reads',
};
/** Lines that say how their row is going, not how it ended. */
const NOT_LAST: readonly string[] = ['inject', 'store probe'];

function withLine(view: DrillView, line: ProgressEvent, nowMs: number): DrillView {
  const { phase: name, state, text } = line;
  if (name === 'load') return state === 'running' ? view : { ...view, loadEnded: text };
  const phase = ROW_OF[name];
  if (phase === undefined) return view;
  const told = changed(view, phase, { text });
  if (state === 'running' || (state === 'done' && NOT_LAST.includes(name))) return told;
  const { endedMs = nowMs } = view.phases[phase];
  const marked = changed(told, phase, { mark: state, endedMs });
  if (name === 'preflight' && state === 'done') return begun(marked, 'baseline', nowMs);
  if (name === 'final reads') return begun(marked, 'verdict', nowMs);
  return name === 'restore' && state === 'done' ? withRestored(marked, nowMs) : marked;
}

function withRestored(view: DrillView, nowMs: number): DrillView {
  const { seen } = view;
  if (seen === undefined) return view;
  return { ...view, restoredInMs: Math.max(0, seen.sinceFaultMs + nowMs - seen.atMs) };
}

function withStep(view: DrillView, { state, text }: Extract<ViewEvent, { kind: 'step' }>): DrillView {
  if (state === 'undoing') return changed(view, 'restore', { text: `undo: ${text}` });
  return { ...changed(view, 'fault', { text }), stepsBegun: view.stepsBegun + 1 };
}

/** A second that is told again, or late, is not counted twice. */
function withLoad(view: DrillView, { seconds, ...load }: LiveLoad): DrillView {
  let last = view.seconds.at(-1)?.second ?? Number.NEGATIVE_INFINITY;
  const fresh = seconds.filter(({ second }) => {
    if (second <= last) return false;
    last = second;
    return true;
  });
  return {
    ...view,
    load,
    seconds: [...view.seconds, ...fresh].slice(-SECONDS_KEPT),
  };
}
