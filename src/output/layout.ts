import { padStart, widthOf, wrap } from './letters.ts';

export interface Hanging {
  /** Starts the first line; the others are indented by its width. */
  readonly lead: string;
  readonly text: string;
  /** Stands at the right edge of the last line, or on a line of its own where it does not fit. */
  readonly right?: string;
  readonly columns: number;
}

/** A paragraph that hangs beside its lead, with something at the right edge. */
export function hanging({ lead, text, right = '', columns }: Hanging): string[] {
  const indent = ' '.repeat(widthOf(lead));
  const body = wrap(text, columns - indent.length);
  const lines = body.map((line, at) => ((at === 0 ? lead : indent) + line).trimEnd());
  if (right === '') return lines;
  const joined = justified(lines.at(-1) ?? '', right, columns);
  return joined === undefined ? [...lines, padStart(right, columns)] : [...lines.slice(0, -1), joined];
}

/** `left` and `right` on one line with `right` at the edge; undefined where they do not fit. */
function justified(left: string, right: string, columns: number): string | undefined {
  const gap = columns - widthOf(left) - widthOf(right);
  return gap < 2 ? undefined : left + ' '.repeat(gap) + right;
}
