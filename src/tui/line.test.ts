import { describe, expect, it } from 'vitest';
import { clipSpans, fitRows, paintLine, span } from './line.ts';
import { spark } from './spark.ts';

const line = (text: string, keep: number) => ({ spans: [span(text)], keep });
const texts = (lines: ReturnType<typeof fitRows>) => lines.map(({ spans }) => spans[0]?.text).join('');

describe('rows that do not fit', () => {
  it('go by what they are worth, of equals the lowest one first', () => {
    const lines = [line('a', 2), line('b', 1), line('c', 1), line('d', 3)];
    expect(texts(fitRows(lines, 4))).toBe('abcd');
    expect(texts(fitRows(lines, 3))).toBe('abd');
    expect(texts(fitRows(lines, 2))).toBe('ad');
    expect(texts(fitRows(lines, 0))).toBe('');
  });
});

describe('a line that does not fit', () => {
  it('is cut across its pieces, with dots that say so', () => {
    const spans = [span('leaders ', 'dim'), span('17 of 26', 'bad')];
    const text = (columns: number, unicode = true): string =>
      paintLine(clipSpans(spans, columns, { unicode }), { color: false, unicode, columns });
    expect(text(16)).toBe('leaders 17 of 26');
    expect(text(12)).toBe('leaders 17 …');
    expect(text(12, false)).toBe('leaders 1...');
    expect(text(1)).toBe('…');
    expect(text(0)).toBe('');
  });
});

describe('a line of bars', () => {
  it('is as high as its values; nothing is a blank, and next to nothing is not', () => {
    expect(spark([0, 1, 50, 100, 200], 100, true)).toBe(' ▁▄██');
    expect(spark([0, 1, 50, 100, 200], 100, false)).toBe(' .=@@');
    expect(spark([Number.NaN, 3], 0, true)).toBe(' █');
  });
});
