import type { Column } from '../core/blocks.ts';
import { padEnd, padStart, widthOf, wrap } from './letters.ts';
import { paint, type Style } from './style.ts';

const GAP = '  ';
const MIN_WRAP_COLUMNS = 12;

/** Aligned table. Where it is too wide, the widest left-aligned column wraps; nothing is cut away. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  style: Style,
): string[] {
  const widths = columnWidths(columns, rows, style.columns - 2);
  const title = line(
    columns,
    widths,
    columns.map((column) => column.title),
  );
  const groups = groupLine(columns, widths);
  const head = groups === '' ? [] : [paint(style, 'dim', `  ${groups}`)];
  const body = rows.flatMap((row) => wrapRow(columns, widths, row));
  return [...head, paint(style, 'dim', `  ${title}`.trimEnd()), ...body.map((text) => `  ${text}`.trimEnd())];
}

interface Span {
  readonly group: string;
  readonly from: number;
  readonly to: number;
}

/** Runs of neighbouring columns with one group. */
function spansOf(columns: readonly Column[]): Span[] {
  const spans: Span[] = [];
  for (const [at, { group }] of columns.entries()) {
    const last = spans.at(-1);
    if (group === undefined) continue;
    if (last?.group === group && last.to === at - 1) spans[spans.length - 1] = { ...last, to: at };
    else spans.push({ group, from: at, to: at });
  }
  return spans;
}

const widthOfSpan = ({ from, to }: Span, widths: readonly number[]): number =>
  widths.slice(from, to + 1).reduce((sum, width) => sum + width, 0) + GAP.length * (to - from);

/** The names of the groups over the first of their columns; empty without groups. */
function groupLine(columns: readonly Column[], widths: readonly number[]): string {
  let text = '';
  for (const span of spansOf(columns)) {
    const start = widths.slice(0, span.from).reduce((sum, width) => sum + width + GAP.length, 0);
    text = padEnd(text, start) + span.group;
  }
  return text;
}

function columnWidths(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  room: number,
): number[] {
  const widths = columns.map((column, at) =>
    rows.reduce((width, row) => Math.max(width, ...cellLines(row[at])), widthOf(column.title)),
  );
  for (const span of spansOf(columns)) {
    const missing = widthOf(span.group) - widthOfSpan(span, widths);
    if (missing > 0) widths[span.to] = (widths[span.to] ?? 0) + missing;
  }
  const total = widths.reduce((sum, width) => sum + width, 0) + GAP.length * (columns.length - 1);
  if (total <= room) return widths;
  const widest = widths.reduce(
    (best, width, at) => (columns[at]?.align !== 'right' && width > (widths[best] ?? 0) ? at : best),
    0,
  );
  return widths.map((width, at) =>
    at === widest ? Math.max(MIN_WRAP_COLUMNS, width - (total - room)) : width,
  );
}

function cellLines(cell: string | undefined): number[] {
  return (cell ?? '').split('\n').map(widthOf);
}

function wrapRow(columns: readonly Column[], widths: readonly number[], row: readonly string[]): string[] {
  const cells = columns.map((_, at) => wrap(row[at] ?? '', widths[at] ?? 0));
  const height = Math.max(1, ...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, at) =>
    line(
      columns,
      widths,
      cells.map((lines) => lines[at] ?? ''),
    ),
  );
}

function line(columns: readonly Column[], widths: readonly number[], cells: readonly string[]): string {
  return cells
    .map((cell, at) =>
      columns[at]?.align === 'right' ? padStart(cell, widths[at] ?? 0) : padEnd(cell, widths[at] ?? 0),
    )
    .join(GAP);
}
