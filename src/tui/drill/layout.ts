import { wrap } from '../../output/letters.ts';
import { clipSpans, fitRows, type Line, lettered, type Span, span } from '../line.ts';
import { abortText } from './abort-key.ts';
import type { DrillView } from './model.ts';
import { KEEP, type Screen } from './parts.ts';
import { phaseLines } from './phases.ts';
import { leaderLines, loadLines, recoveryLines } from './sections.ts';

const WIDEST = 120;

/** Pure: the view as lines, never more than `rows` of them, none wider than `columns`. */
export function layoutView(view: DrillView, nowMs: number, screen: Screen): (readonly Span[])[] {
  const columns = Math.max(0, Math.min(screen.columns, WIDEST));
  const fitted = { ...screen, columns };
  const sections = [
    titleLines(view),
    phaseLines(view, nowMs, fitted),
    loadLines(view, fitted),
    [...leaderLines(view), ...recoveryLines(view, fitted)],
    [...noteLines(view), ...keyLines(view, fitted)],
  ];
  const lines = sections
    .filter((section) => section.length > 0)
    .flatMap((section, at): Line[] => (at === 0 ? section : [{ spans: [], keep: KEEP.blank }, ...section]));
  return fitRows(lines, screen.rows).map(({ spans }) =>
    clipSpans(
      spans.map(({ text, tone }) => span(lettered(text, screen), tone)),
      columns,
      screen,
    ),
  );
}

function titleLines({ drill, plan }: DrillView): Line[] {
  const where = plan === undefined ? '' : ` · region ${plan.region} · ${plan.environment} · ${plan.target}`;
  const title: Line = { spans: [span(drill, 'strong'), span(where)], keep: KEEP.title };
  return plan === undefined ? [title] : [title, { spans: [span(faultText(plan))], keep: KEEP.fault }];
}

/** The fault names its victim in most drills; the others say whom it hits. */
function faultText({ fault, victim }: { readonly fault: string; readonly victim: string }): string {
  return fault.includes(victim) ? fault : `${fault}: ${victim}`;
}

function noteLines({ notes }: DrillView): Line[] {
  const shown = notes.slice(-3);
  return shown.map((text, at) => ({
    spans: [span('! ', 'warn'), span(text)],
    keep: at === shown.length - 1 ? KEEP.note : KEEP.oldNote,
  }));
}

function keyLines(view: DrillView, { columns }: Screen): Line[] {
  const tone = view.asked.length > 0 ? 'warn' : 'dim';
  return wrap(abortText(view), columns).map((text) => ({ spans: [span(text, tone)], keep: KEEP.key }));
}
