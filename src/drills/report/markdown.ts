import { formatMs } from '../../core/units.ts';
import { cellsOf, shortId, vouchedText, whenText } from '../record/row.ts';
import { PHASE_LETTERS } from './plot.ts';
import {
  apart,
  CAVEAT,
  type DrillReport,
  headline,
  peopleOf,
  period,
  type ReportRun,
  standing,
  vouching,
  whyOf,
  worthText,
} from './report.ts';
import { type DrillTimeline, describeTimeline, rounded, signed } from './timeline.ts';
import { lostOf, seenText, type TrendRow, trendOf } from './trend.ts';

/** A report as Markdown (GitHub's), readable as it stands. Pure. */
export function markdownOf(report: DrillReport): string {
  const rows = report.runs.map(({ row }) => row);
  const parts = [
    `# Drills\n\n${period(report)}, by uplift ${report.uplift}`,
    `**${headline(rows)}** ${rows.length === 0 ? '' : standing(rows)}`.trimEnd(),
    apart(rows),
    ...(rows.length === 0 ? [] : [trendTable(trendOf(rows)), runsTable(report), ...report.runs.map(runPart)]),
    `${CHECKING} ${CAVEAT}`,
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

const CHECKING =
  'Records are checked with `uplift drill verify RUN`, or without uplift as docs/drills.md says.';

/** Text that stays text in a table, whatever stands in it. */
export function cell(text: string): string {
  return text.replaceAll(/[\\`*_<>[\]|&#~]/g, (char) => `\\${char}`).replaceAll(/[\r\n\u2028\u2029]+/g, ' ');
}

function tableOf(
  columns: readonly (readonly [title: string, align: 'left' | 'right'])[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(columns.map(([title]) => title)),
    line(columns.map(([, align]) => (align === 'right' ? '---:' : '---'))),
    ...rows.map((cells) => line(cells.map(cell))),
  ].join('\n');
}

const time = (ms: number | null): string => (ms === null ? '–' : formatMs(ms));

function trendTable(trend: readonly TrendRow[]): string {
  if (trend.length === 0) return '';
  const table = tableOf(
    [
      ['Quarter', 'left'],
      ['Drill', 'left'],
      ['Runs', 'right'],
      ['Held', 'right'],
      ['Deviated', 'right'],
      ['Inconclusive', 'right'],
      ['Recovery, median', 'right'],
      ['worst', 'right'],
      ['target', 'right'],
      ['Found lost', 'right'],
      ['Not counted', 'right'],
    ],
    trend.map((row) => [
      row.quarter,
      row.notRestored === 0 ? row.drill : `${row.drill}, ${row.notRestored} NOT RESTORED`,
      String(row.runs),
      String(row.held),
      String(row.deviated),
      String(row.inconclusive),
      [time(row.recoveryMedianMs), seenText(row)].filter((text) => text !== '').join(', '),
      time(row.recoveryWorstMs),
      time(row.targetMs),
      lostOf(row),
      String(row.notCounted),
    ]),
  );
  return `## By quarter\n\nOnly of records that a known key signed.\n\n${table}`;
}

function runsTable({ runs }: DrillReport): string {
  const titles = ['When (UTC)', 'Drill', 'Region', 'Execution', 'Hypothesis', 'Restored'];
  const table = tableOf(
    [
      ...titles.map((title) => [title, 'left'] as const),
      ['Recovery', 'right'],
      ['Found lost', 'right'],
      ['Record', 'left'],
      ['Run', 'left'],
    ],
    runs.map(({ row }) => [
      whenText(row.atMs),
      row.drill ?? '?',
      row.region ?? '?',
      ...cellsOf(row),
      worthText(row),
      shortId(row.runId),
    ]),
  );
  return `## Drills\n\n${table}`;
}

function runPart({ row, timeline }: ReportRun): string {
  const { outcome } = row;
  const fault = outcome?.result?.fault;
  const lines = [
    `### ${cell(row.drill ?? '?')}, ${whenText(row.atMs)} UTC`,
    vouching(row),
    [
      fault === null || fault === undefined ? '' : `${cell(fault)}.`,
      whyOf(row) === '' ? '' : `Why: ${cell(whyOf(row))}.`,
    ]
      .filter((text) => text !== '')
      .join(' '),
    (outcome === null ? [] : [...peopleOf(row), ['record', vouchedText(row)] as const])
      .map(([what, who]) => `${what}: ${cell(who)}`)
      .join(' · '),
    'absent' in timeline ? `No timeline: ${cell(timeline.absent)}.` : timelinePart(timeline),
    `\`uplift drill verify ${row.runId}\``,
  ];
  return lines.filter((line) => line !== '').join('\n\n');
}

const BARS = '▁▂▃▄▅▆▇█';
const SPARK_COLUMNS = 60;

function timelinePart(timeline: DrillTimeline): string {
  const phases = timeline.phases.map(
    ({ phase, fromS, toS }) => `${PHASE_LETTERS[phase]} ${phase} ${signed(fromS)} … ${signed(toS)}`,
  );
  const spark = sparkOf(timeline);
  const block = ['```text', ...spark, '```'].join('\n');
  return `${block}\n\n${describeTimeline(timeline)}${phases.length === 0 ? '' : ` Phases, from the fault: ${phases.join(', ')}.`}`;
}

/** The three series and the phases as lines of letters, at most 60 wide. */
export function sparkOf({ columns, phases }: DrillTimeline): string[] {
  const per = Math.ceil(columns.length / SPARK_COLUMNS);
  const groups = Array.from({ length: Math.ceil(columns.length / per) }, (_, at) =>
    columns.slice(at * per, (at + 1) * per),
  );
  const series = (name: string, of: (column: (typeof columns)[number]) => number | null, unit: string) => {
    const values = groups.map((group) => {
      const seen = group.flatMap((column) => of(column) ?? []);
      return seen.length === 0 ? null : Math.max(...seen);
    });
    const highest = Math.max(0, ...values.map((value) => value ?? 0));
    const bar = (value: number | null): string =>
      value === null || value === 0
        ? ' '
        : (BARS[Math.min(BARS.length - 1, Math.floor((value / highest) * BARS.length))] ?? ' ');
    return `${name.padEnd(13)}${values.map(bar).join('')}  up to ${rounded(highest)}${unit}`;
  };
  const letters = groups.map(([first]) => {
    const at = (first?.atS ?? 0) + 0.5;
    const phase = phases.findLast(({ fromS, toS }) => at >= fromS && at < toS);
    return phase === undefined ? ' ' : PHASE_LETTERS[phase.phase];
  });
  return [
    series('acknowledged', ({ acknowledged }) => acknowledged, '/s'),
    series('failed', ({ failed }) => failed, '/s'),
    series('p99', ({ p99Ms }) => p99Ms, ' ms'),
    `${'phase'.padEnd(13)}${letters.join('')}`.trimEnd(),
  ];
}
