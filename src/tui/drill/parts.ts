import { formatMs } from '../../core/units.ts';
import { padEnd, widthOf } from '../../output/letters.ts';
import type { Style } from '../../output/style.ts';
import { type Line, type Span, span } from '../line.ts';

/** Where and how a view is drawn. */
export interface Screen {
  readonly columns: number;
  /** Lines that may be used. */
  readonly rows: number;
  readonly unicode: Style['unicode'];
}

/** Of the label at the left of a section. */
export const LABEL = 12;

/** How long a line is kept where rows are few: see `fitRows`. */
export const KEEP = {
  blank: 0,
  waiting: 10,
  oldNote: 15,
  failing: 20,
  recovery: 30,
  done: 40,
  rate: 45,
  leaders: 50,
  more: 55,
  fault: 60,
  title: 65,
  load: 70,
  note: 80,
  left: 85,
  running: 90,
  key: 100,
} as const;

/** A label, and pieces that are joined as far as they fit on a line; the first line is kept longer than the others. */
export function labelled(
  label: string,
  pieces: readonly Span[],
  { columns, first, others }: { readonly columns: number; readonly first: number; readonly others: number },
): Line[] {
  const rows: Span[][] = [[]];
  let used = LABEL;
  for (const piece of pieces) {
    const row = rows.at(-1) ?? [];
    const width = widthOf(piece.text);
    if (row.length > 0 && used + 3 + width > columns) {
      rows.push([piece]);
      used = LABEL + width;
    } else {
      if (row.length > 0) row.push(span(' · '));
      row.push(piece);
      used += width + (row.length > 1 ? 3 : 0);
    }
  }
  return rows.map((row, at) => ({
    spans: [span(padEnd(at === 0 ? label : '', LABEL)), ...row],
    keep: at === 0 ? first : others,
  }));
}

/** `0.3 s`, `12.3 s`, `2 min 5 s`: a time that runs keeps its unit. A moment that lies ahead is no time at all. */
export function timeText(ms: number): string {
  const from = Math.max(0, ms);
  return from < 120_000 ? `${(from / 1000).toFixed(1)} s` : formatMs(from);
}
