import { padEnd, padStart, widthOf } from '../../output/letters.ts';
import { markOf, type Tone } from '../../output/style.ts';
import { clipSpans, type Line, lettered, type Span, span, widthOfSpans } from '../line.ts';
import { type DrillView, type PhaseMark, VIEW_PHASES, type ViewPhase } from './model.ts';
import { KEEP, LABEL, type Screen, timeText } from './parts.ts';

/** Below this width the countdown has a line of its own. */
const NARROW = 64;
const PLAIN = { color: false, unicode: true, columns: 80 };

/** A shape for each, so that nothing hangs on the colour. Without Unicode they become v x ! > and a blank. */
const MARKS: Readonly<Record<PhaseMark, Span>> = {
  waiting: span(' '),
  running: span('>', 'strong'),
  ended: span(markOf(PLAIN, 'warn'), 'warn'),
  done: span(markOf(PLAIN, 'pass'), 'good'),
  failed: span(markOf(PLAIN, 'fail'), 'bad'),
};

/** Pure: a row for each phase: its mark, what it does or what came of it, how long it took or takes. */
export function phaseLines(view: DrillView, nowMs: number, screen: Screen): Line[] {
  return VIEW_PHASES.flatMap((phase): Line[] => {
    const { mark, beganMs, endedMs = nowMs } = view.phases[phase];
    const elapsed = beganMs === undefined || mark === 'waiting' ? '' : timeText(endedMs - beganMs);
    const running = mark === 'running';
    const left = running ? leftText(view, phase, nowMs) : undefined;
    const narrow = screen.columns < NARROW;
    const right = left === undefined || narrow ? elapsed : `${elapsed}, ${left}`;
    const keep = running ? KEEP.running : mark === 'waiting' ? KEEP.waiting : KEEP.done;
    const row: Line = { spans: rowOf(view, phase, right, screen), keep };
    if (left === undefined || !narrow) return [row];
    return [row, { spans: [span(padEnd('', LABEL + 2)), span(left)], keep: KEEP.left }];
  });
}

const TONES: Readonly<Record<PhaseMark, Tone>> = {
  ...{ waiting: 'dim', running: 'strong', ended: 'plain', done: 'plain', failed: 'plain' },
};

function rowOf(view: DrillView, phase: ViewPhase, right: string, screen: Screen): Span[] {
  const { mark, text } = view.phases[phase];
  const early = text === '' ? 'ended early' : `ended early: ${text}`;
  const shown = mark === 'running' ? runningText(view, phase) : mark === 'ended' ? early : text;
  const head = [MARKS[mark], span(' '), span(padEnd(phase, LABEL), TONES[mark])];
  const room = screen.columns - LABEL - 2;
  if (right === '') return [...head, span(shown)];
  const body = clipSpans([span(lettered(shown, screen))], room - widthOf(right) - 2, screen);
  const used = widthOfSpans(body);
  return [...head, ...body, span(padStart(right, Math.max(widthOf(right), room - used)), 'dim')];
}

/** What a phase is doing now. */
function runningText(view: DrillView, phase: ViewPhase): string {
  const { phases, plan, stepsBegun } = view;
  const { text } = phases[phase];
  if (phase === 'fault' && plan !== undefined && text !== '') {
    // The fault itself stands in the title.
    if (text.startsWith(plan.fault)) return `struck${text.slice(plan.fault.length)}; watching`;
    return `step ${stepsBegun} of ${plan.steps}: ${text}`;
  }
  if (text !== '') return text;
  const rate = plan === undefined ? '' : `${plan.ratePerS} op/s: `;
  const doing: Readonly<Record<ViewPhase, string>> = {
    preflight: 'looking at everything',
    baseline: `${rate}what is normal?`,
    fault: 'looking at the victim again',
    restore: 'putting everything back',
    after: 'the load goes on: is anything lost on the way back?',
    'final reads': 'the last operations come back',
    verdict: 'judging, sealing the record',
  };
  return doing[phase];
}

/** How long the phase goes on, where that is known. */
function leftText({ plan, phases, seen }: DrillView, phase: ViewPhase, nowMs: number): string | undefined {
  const runMs = nowMs - (phases[phase].beganMs ?? nowMs);
  if (phase === 'fault' && seen !== undefined) {
    const leftMs = seen.leftMs - (nowMs - seen.atMs);
    return leftMs > 0 ? `at most ${timeText(leftMs)} more` : 'ends now';
  }
  if (plan === undefined) return undefined;
  if (phase === 'baseline')
    return runMs < plan.baselineMs ? `${timeText(plan.baselineMs - runMs)} more` : 'not steady yet';
  if (phase === 'after' && runMs < plan.afterMs) return `${timeText(plan.afterMs - runMs)} more`;
  return undefined;
}
