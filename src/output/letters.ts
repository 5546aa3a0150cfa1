import { stripVTControlCharacters } from 'node:util';

const ASCII: Readonly<Record<string, string>> = {
  '✔': 'v',
  '✘': 'x',
  '·': '|',
  '…': '...',
  '→': '->',
  '←': '<-',
  '≥': '>=',
  '≤': '<=',
  '–': '-',
  '—': '-',
  '−': '-',
  '×': 'x',
  '▲': '^',
  '▼': 'v',
  '“': '"',
  '”': '"',
  '’': "'",
  '‘': "'",
  '±': '+/-',
  '≈': '~',
};

/** The same text for a terminal that is not UTF-8; what has no counterpart becomes `?`. */
export function toAscii(text: string): string {
  return text.replace(/[^\n\x20-\x7e]/gu, (letter) => ASCII[letter] ?? '?');
}

/**
 * Text from a cluster (topic names, error messages) may carry escape sequences that move a terminal's cursor or
 * rename its window: they become visible. Line breaks stay, tabs become spaces.
 */
export function harmless(text: string): string {
  return text
    .replace(/\t/g, '    ')
    .replace(/\r\n/g, '\n')
    .replace(
      /(?!\n)[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu,
      (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
    );
}

/** Printed width in columns: code points, escapes not counted. */
export function widthOf(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - widthOf(text))) + text;
}

/**
 * Wraps at spaces; a word longer than the width is cut hard so that nothing runs off the screen, but for a path, which would
 * be of no use in pieces. Keeps line breaks.
 */
export function wrap(text: string, width: number): string[] {
  const room = Math.max(8, width);
  return text.split('\n').flatMap((line) => wrapLine(line, room));
}

/** An absolute path, or one from here or above. */
const PATH = /^\.{0,2}\/[^/]/;

function wrapLine(line: string, width: number): string[] {
  if (widthOf(line) <= width) return [line];
  const lines: string[] = [];
  let current: string | undefined;
  for (const word of line.split(' ')) {
    const candidate = current === undefined ? word : `${current} ${word}`;
    if (widthOf(candidate) <= width) {
      current = candidate;
      continue;
    }
    if (current !== undefined) lines.push(current.trimEnd());
    // A path is copied whole or not at all: it may stand out.
    const pieces = PATH.test(word) ? [word] : cut(word, width);
    lines.push(...pieces.slice(0, -1));
    current = pieces.at(-1) ?? '';
  }
  return [...lines, current ?? ''];
}

function cut(word: string, width: number): string[] {
  const letters = [...word];
  const pieces: string[] = [];
  for (let at = 0; at < letters.length; at += width) pieces.push(letters.slice(at, at + width).join(''));
  return pieces.length === 0 ? [''] : pieces;
}

/** Cuts to a width with an ellipsis, for lines that are rewritten in place. */
export function clip(text: string, width: number, unicode = true): string {
  if (widthOf(text) <= width) return text;
  const dots = unicode ? '…' : '...';
  return [...text].slice(0, Math.max(0, width - dots.length)).join('') + dots;
}
