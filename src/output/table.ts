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
  const body = rows.flatMap((row) => wrapRow(columns, widths, row));
  return [paint(style, 'dim', `  ${title}`.trimEnd()), ...body.map((text) => `  ${text}`.trimEnd())];
}

function columnWidths(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  room: number,
): number[] {
  const widths = columns.map((column, at) =>
    rows.reduce((width, row) => Math.max(width, ...cellLines(row[at])), widthOf(column.title)),
  );
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
