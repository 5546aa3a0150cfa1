import type { DrillView, ViewPhase } from './model.ts';

/** What the keys do, by phase. The only place where the view says how a drill ends: it has to stay true. */
const KEY = 'Ctrl-C or q';

const BEFORE: Readonly<Record<ViewPhase, string>> = {
  preflight: `${KEY}: stop; nothing was touched yet`,
  baseline: `${KEY}: stop the load; nothing was broken yet`,
  fault: `${KEY}: stop, put everything back, record the run as interrupted`,
  restore: `${KEY}: end the run once everything is back; putting back cannot be stopped`,
  after: `${KEY}: stop; everything is back already; record the run as interrupted`,
  'final reads': `${KEY}: exit as interrupted; reading goes on and the verdict is recorded`,
  verdict: `${KEY}: exit as interrupted; the verdict is recorded all the same`,
};

const AFTER: Readonly<Record<ViewPhase, string>> = {
  preflight: 'stopping; nothing was touched',
  baseline: 'stopping the load; nothing was broken',
  fault: 'stopping; everything is being put back, also should this process die',
  restore: 'everything is being put back, also should this process die; then the run ends as interrupted',
  after: 'stopping; everything is back; the run is recorded as interrupted',
  'final reads': 'reading goes on and the verdict is recorded',
  verdict: 'the verdict is being recorded',
};

/** Pure: what the abort key does now, or what it has begun. */
export function abortText({ phase, asked }: Pick<DrillView, 'phase' | 'asked'>): string {
  const [reason] = asked;
  return reason === undefined ? BEFORE[phase] : `${reason}: ${AFTER[phase]}`;
}
