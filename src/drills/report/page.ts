import { formatMs } from '../../core/units.ts';
import { type Html, html, type Part } from '../../core/web/html.ts';
import { figures, pageOf, table } from '../../core/web/page.ts';
import { BASE_STYLE } from '../../core/web/style.ts';
import { cellsOf, type RecordRow, vouchedText, whenText } from '../record/row.ts';
import { PHASE_LETTERS, PLOT_STYLE, plotOf } from './plot.ts';
import {
  apart,
  CAVEAT,
  type DrillReport,
  headline,
  peopleOf,
  period,
  type ReportRun,
  standing,
  totalsOf,
  vouching,
  whyOf,
  worthText,
} from './report.ts';
import { type DrillTimeline, describeTimeline, rounded, signed } from './timeline.ts';
import { lostOf, seenText, type TrendRow, trendOf } from './trend.ts';

/** Nothing is loaded, run or sent, whatever stands in a record. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

const STYLE = `${BASE_STYLE}${PLOT_STYLE}
main{max-width:60rem}
h3{font-size:1rem;font-weight:600;margin:0}
article{margin-top:2rem;padding-top:1rem;border-top:1px solid var(--line)}
.scroll{overflow-x:auto}
.bar{display:block;margin-top:.35rem}
.bar .target{stroke:var(--ink)}
.bar .within{fill:var(--ok)}.bar .beyond{fill:var(--attention)}
.legend{list-style:none;padding:0;margin:.5rem 0 0;display:flex;flex-wrap:wrap;gap:.15rem 1.25rem}
details{margin-top:.75rem}
summary{cursor:pointer;color:var(--link)}
summary:focus-visible{outline:2px solid var(--link);outline-offset:3px;border-radius:2px}
code{overflow-wrap:anywhere}
@media print{details{display:none}article{break-inside:avoid}}
`;

/** A report as one HTML file: no script, nothing from elsewhere, readable in light and dark and on a phone. Pure. */
export function reportPage(report: DrillReport): string {
  const rows = report.runs.map(({ row }) => row);
  const trend = trendOf(rows);
  const body = html`<header><h1>Drills</h1><p class="quiet">${period(report)}, by uplift ${report.uplift}</p></header>
<p class="verdict ${toneOf(rows)}">${headline(rows)}</p>${rows.length === 0 ? null : html`<p class="says">${standing(rows)}</p>`}${apart(rows) === '' ? null : html`<p class="says attention">${apart(rows)}</p>`}
${trend.length === 0 ? null : trendSection(trend)}
${rows.length === 0 ? null : runsSection(rows)}
${report.runs.map(article)}
<footer class="quiet"><p class="says">Records are checked with <code>uplift drill verify RUN</code>, or without uplift as
docs/drills.md says. ${CAVEAT}</p></footer>`;
  return pageOf(`Drills: ${headline(rows)}`, body, { style: STYLE, policy: POLICY });
}

function toneOf(rows: readonly RecordRow[]): 'ok' | 'attention' | 'unknown' {
  const { notRestored, held } = totalsOf(rows);
  const isBad = ({ state, outcome }: RecordRow) => state === 'broken' || outcome?.hypothesis === 'deviated';
  if (notRestored > 0 || rows.some(isBad)) return 'attention';
  return held === rows.length && held > 0 ? 'ok' : 'unknown';
}

const time = (ms: number | null): string => (ms === null ? '–' : formatMs(ms));

function trendSection(trend: readonly TrendRow[]): Html {
  const columns = [
    { name: 'Quarter' },
    { name: 'Drill' },
    { name: 'Held', kind: 'number' },
    { name: 'Deviated', kind: 'number' },
    { name: 'Inconclusive', kind: 'number' },
    { name: 'Recovery, worst against target' },
    { name: 'Found lost', kind: 'number' },
    { name: 'Not counted', kind: 'number' },
  ] as const;
  return html`<section aria-labelledby="trend"><h2 id="trend">By quarter</h2><div class="scroll" tabindex="0">${table(
    'Only of records that a known key signed; newest quarter first',
    columns,
    trend.map((row) => [
      row.quarter,
      html`${row.drill}${row.notRestored === 0 ? null : html` <strong class="attention">${row.notRestored} NOT RESTORED</strong>`}`,
      `${row.held} of ${row.runs}`,
      String(row.deviated),
      String(row.inconclusive),
      recoveryCell(row),
      lostOf(row),
      String(row.notCounted),
    ]),
  )}</div></section>`;
}

/** A bar beside its numbers: its length is worst against twice the target, the stroke is the target. */
function recoveryCell(row: TrendRow): Part {
  const { recoveryMedianMs, recoveryWorstMs, targetMs } = row;
  if (recoveryWorstMs === null) return row.runs === 0 ? '–' : 'not seen';
  const seen = seenText(row);
  const text = html`${time(recoveryWorstMs)} <span class="quiet">median ${time(recoveryMedianMs)}, target ${time(targetMs)}${seen === '' ? '' : `, ${seen}`}</span>`;
  if (targetMs === null || targetMs === 0) return text;
  const width = Math.round(Math.min(1, recoveryWorstMs / (2 * targetMs)) * 1000) / 10;
  return html`${text}<svg class="bar" aria-hidden="true" width="100%" height="10"><rect class="${recoveryWorstMs <= targetMs ? 'within' : 'beyond'}" width="${String(width)}%" height="10"/><line class="target" x1="50%" x2="50%" y1="0" y2="10"/></svg>`;
}

function runsSection(rows: readonly RecordRow[]): Html {
  const columns = ['When (UTC)', 'Drill', 'Execution', 'Hypothesis', 'Restored'].map((name) => ({ name }));
  return html`<section aria-labelledby="runs"><h2 id="runs">Drills</h2><div class="scroll" tabindex="0">${table(
    'Newest first; each links to what it saw',
    [
      ...columns,
      { name: 'Recovery', kind: 'number' },
      { name: 'Found lost', kind: 'number' },
      { name: 'Record' },
    ],
    rows.map((row) => [
      html`<a href="#${idOf(row)}">${whenText(row.atMs)}</a>`,
      html`${row.drill ?? '?'}<span class="quiet">${row.region ?? '?'}</span>`,
      ...cellsOf(row),
      worthText(row),
    ]),
  )}</div></section>`;
}

const idOf = ({ runId }: RecordRow): string => `run-${runId}`;

function article({ row, timeline }: ReportRun): Html {
  const { outcome } = row;
  const why = whyOf(row);
  return html`<article id="${idOf(row)}"><div class="head"><h3>${row.drill ?? '?'}, ${whenText(row.atMs)} UTC</h3>
<p class="age">${vouchedText(row)}</p></div>
${vouching(row) === '' ? null : html`<p class="says attention">${vouching(row)}</p>`}
${outcome?.result?.fault == null ? null : html`<p class="says">${outcome.result.fault}</p>`}
${why === '' ? null : html`<p class="says attention">${why}</p>`}
${outcome === null ? null : factsOf(row)}
${'absent' in timeline ? html`<p class="says quiet">No timeline: ${timeline.absent}.</p>` : figureOf(row, timeline)}
<p class="says quiet"><code>uplift drill verify ${row.runId}</code></p></article>`;
}

function factsOf(row: RecordRow): Html {
  const [execution, hypothesis, restored, recovery, lost] = cellsOf(row);
  const who = peopleOf(row).map(([what, text]) => [what, html`<small>${text}</small>`] as const);
  return figures([
    ['hypothesis', hypothesis],
    ['recovery', recovery],
    ['found lost', lost],
    ['run', html`<small>${execution}, ${restored}</small>`],
    ...who,
  ]);
}

function figureOf(row: RecordRow, timeline: DrillTimeline): Html {
  const { phases, columns, secondsPerColumn } = timeline;
  const per = secondsPerColumn === 1 ? 'each second' : `every ${secondsPerColumn} seconds`;
  return html`${plotOf(timeline, `plot-${row.runId}`)}
<ul class="legend quiet">${phases.map(
    ({ phase, fromS, toS }) =>
      html`<li><strong>${PHASE_LETTERS[phase]}</strong> ${phase} ${signed(fromS)} … ${signed(toS)}</li>`,
  )}</ul><p class="says quiet">${describeTimeline(timeline)}</p>
<details><summary>Numbers of ${per}</summary><div class="scroll" tabindex="0">${table(
    'From the fault; by completion',
    [
      { name: 'Second' },
      { name: 'Acknowledged/s', kind: 'number' },
      { name: 'Failed/s', kind: 'number' },
      { name: 'p99', kind: 'number' },
    ],
    columns.map(({ atS, acknowledged, failed, p99Ms }) => [
      signed(atS),
      rounded(acknowledged),
      rounded(failed),
      p99Ms === null ? '–' : `${rounded(p99Ms)} ms`,
    ]),
  )}</div></details>`;
}
