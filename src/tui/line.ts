import { harmless, toAscii, widthOf } from '../output/letters.ts';
import { paint, type Style, type Tone } from '../output/style.ts';

/** A piece of a line in one tone. */
export interface Span {
  readonly text: string;
  readonly tone: Tone;
}

/** A line of a view, with how long it is kept where there is no room: the least goes first. */
export interface Line {
  readonly spans: readonly Span[];
  readonly keep: number;
}

export const span = (text: string, tone: Tone = 'plain'): Span => ({ text, tone });

export const widthOfSpans = (spans: readonly Span[]): number =>
  spans.reduce((sum, { text }) => sum + widthOf(text), 0);

type Letters = Pick<Style, 'unicode'>;

/** Pure: text as a terminal may have it: no escapes of others, no line breaks, plain ASCII where it is not UTF-8. */
export function lettered(text: string, { unicode }: Letters): string {
  const line = harmless(text.replaceAll('\n', ' '));
  return unicode ? line : toAscii(line);
}

/** Pure: what fits into `columns`, with dots where something was cut. */
export function clipSpans(spans: readonly Span[], columns: number, { unicode }: Letters): Span[] {
  if (widthOfSpans(spans) <= columns) return [...spans];
  const dots = (unicode ? '…' : '...').slice(0, Math.max(0, columns));
  let left = Math.max(0, columns - dots.length);
  const kept: Span[] = [];
  for (const { text, tone } of spans) {
    const piece = [...text].slice(0, left).join('');
    left -= widthOf(piece);
    kept.push({ text: piece, tone });
    if (left === 0) break;
  }
  return [...kept, span(dots, 'dim')];
}

/** Pure: at most `rows` lines; those with the least `keep` go first, of equals the lowest one. */
export function fitRows(lines: readonly Line[], rows: number): Line[] {
  const kept = [...lines];
  while (kept.length > Math.max(0, rows)) {
    let least = kept.length - 1;
    for (let at = least; at >= 0; at -= 1) {
      if ((kept[at]?.keep ?? 0) < (kept[least]?.keep ?? 0)) least = at;
    }
    kept.splice(least, 1);
  }
  return kept;
}

/** A line as it is printed. */
export function paintLine(spans: readonly Span[], style: Style): string {
  return spans.map(({ text, tone }) => paint(style, tone, text)).join('');
}
