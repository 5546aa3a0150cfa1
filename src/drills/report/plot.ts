import { type Html, html } from '../../core/web/html.ts';
import { type DrillTimeline, describeTimeline, type PlotColumn, rounded, signed } from './timeline.ts';

/** Letters of the phases: colour alone tells nothing. */
export const PHASE_LETTERS = { baseline: 'A', fault: 'B', restore: 'C', after: 'D' } as const;

interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly of: (column: PlotColumn) => number | null;
  readonly heightPx: number;
  readonly shape: 'area' | 'line';
  readonly tone: string;
}

const PANELS: readonly Panel[] = [
  {
    title: 'acknowledged per second',
    unit: '',
    of: ({ acknowledged }) => acknowledged,
    heightPx: 90,
    shape: 'area',
    tone: 'rate',
  },
  {
    title: 'failed per second',
    unit: '',
    of: ({ failed }) => failed,
    heightPx: 50,
    shape: 'area',
    tone: 'failed',
  },
  { title: 'p99', unit: ' ms', of: ({ p99Ms }) => p99Ms, heightPx: 70, shape: 'line', tone: 'p99' },
];

const TOP_PX = 22;
const TITLE_PX = 18;
const GAP_PX = 10;
const AXIS_PX = 20;
/** Drawing units of a panel's height; its width is one unit a column. */
const UNITS = 100;

/**
 * Rate, errors and p99 above one another, with the phases shaded behind them. Shapes stretch with the page, text does not:
 * it is as readable on a phone as on a desk. `id` must be unique on its page.
 */
export function plotOf(timeline: DrillTimeline, id: string): Html {
  const offsets = panelOffsets();
  const bottomPx = TOP_PX + offsets.totalPx;
  const x = percentOf(timeline);
  return html`<svg class="plot" role="img" aria-labelledby="${id}-t ${id}-d" width="100%" height="${bottomPx + AXIS_PX}">
<title id="${id}-t">Rate, failures and p99 around the fault</title><desc id="${id}-d">${describeTimeline(timeline)}</desc>
${timeline.phases.map(
  ({ phase, fromS, toS }) =>
    html`<rect class="phase ${phase}" x="${x(fromS)}" y="0" width="${percent((toS - fromS) / (timeline.toS - timeline.fromS))}" height="${bottomPx}"/>
<text class="letter" x="${x((fromS + toS) / 2)}" y="15" text-anchor="middle">${PHASE_LETTERS[phase]}</text>`,
)}
${PANELS.map((panel, at) => panelOf(panel, timeline, TOP_PX + (offsets.at[at] ?? 0)))}
<line class="moment" x1="${x(0)}" x2="${x(0)}" y1="${TOP_PX}" y2="${bottomPx}"/>
${ticksOf(timeline).map(
  ({ atS, anchor }) =>
    html`<text class="tick" x="${x(atS)}" y="${bottomPx + 15}" text-anchor="${anchor}">${atS === 0 ? 'fault' : signed(atS)}</text>`,
)}</svg>`;
}

function panelOffsets(): { readonly at: readonly number[]; readonly totalPx: number } {
  const at: number[] = [];
  let totalPx = 0;
  for (const { heightPx } of PANELS) {
    at.push(totalPx);
    totalPx += TITLE_PX + heightPx + GAP_PX;
  }
  return { at, totalPx };
}

function panelOf(panel: Panel, { columns }: DrillTimeline, topPx: number): Html {
  const values = columns.map(panel.of);
  const highest = Math.max(0, ...values.map((value) => value ?? 0));
  const path = panel.shape === 'area' ? areaOf(values, highest) : lineOf(values, highest);
  return html`<text class="name" x="0" y="${topPx + 13}">${panel.title}, up to ${rounded(highest)}${panel.unit}</text>
<svg x="0" y="${topPx + TITLE_PX}" width="100%" height="${panel.heightPx}" viewBox="0 0 ${columns.length} ${UNITS}" preserveAspectRatio="none">
<path class="${panel.tone}" d="${path}" vector-effect="non-scaling-stroke"/><path class="ground" d="M0 ${UNITS}H${columns.length}" vector-effect="non-scaling-stroke"/></svg>`;
}

function heightOf(value: number, highest: number): string {
  return highest === 0 ? String(UNITS) : String(Math.round((1 - value / highest) * UNITS * 10) / 10);
}

/** Steps from the ground: a second is as wide as any other, and one without anything is a gap. */
function areaOf(values: readonly (number | null)[], highest: number): string {
  const steps = values.map((value, at) => `V${heightOf(value ?? 0, highest)}H${at + 1}`);
  return `M0 ${UNITS}${steps.join('')}V${UNITS}Z`;
}

/** A line broken where there is no value: between two values nothing is drawn that was not seen. */
function lineOf(values: readonly (number | null)[], highest: number): string {
  let path = '';
  let isDrawing = false;
  for (const [at, value] of values.entries()) {
    if (value === null) {
      isDrawing = false;
      continue;
    }
    path += isDrawing
      ? `V${heightOf(value, highest)}H${at + 1}`
      : `M${at} ${heightOf(value, highest)}H${at + 1}`;
    isDrawing = true;
  }
  return path === '' ? `M0 ${UNITS}` : path;
}

const percent = (share: number): string => `${Math.round(share * 1e4) / 100}%`;

function percentOf({ fromS, toS }: DrillTimeline): (atS: number) => string {
  return (atS) => percent((atS - fromS) / (toS - fromS));
}

interface Tick {
  readonly atS: number;
  readonly anchor: 'start' | 'middle' | 'end';
}

/** Both ends and the fault, where it is not too near to one of them: three always fit. */
export function ticksOf({ fromS, toS }: Pick<DrillTimeline, 'fromS' | 'toS'>): Tick[] {
  const share = -fromS / (toS - fromS);
  const fault: Tick[] = share > 0.2 && share < 0.8 ? [{ atS: 0, anchor: 'middle' }] : [];
  return [{ atS: fromS, anchor: 'start' }, ...fault, { atS: toS, anchor: 'end' }];
}

/** Colours of a plot, from those of the page; the phases are tinted grounds with letters. */
export const PLOT_STYLE = `
.plot{display:block;margin-top:1rem;overflow:visible}
.plot text{fill:var(--quiet);font-size:13px}
.plot .letter{fill:var(--ink);font-weight:600}
.plot .phase{fill:var(--ink);fill-opacity:.05}
.plot .phase.fault{fill:var(--attention);fill-opacity:.16}
.plot .phase.restore{fill:var(--unknown);fill-opacity:.16}
.plot .rate{fill:var(--ok);fill-opacity:.55;stroke:var(--ok)}
.plot .failed{fill:var(--attention);fill-opacity:.75;stroke:var(--attention)}
.plot .p99{fill:none;stroke:var(--link);stroke-width:2px}
.plot .ground{stroke:var(--line)}
.plot .moment{stroke:var(--ink);stroke-dasharray:3 3}
`;
