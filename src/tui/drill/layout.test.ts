import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { widthOf } from '../../output/letters.ts';
import { paintLine, widthOfSpans } from '../line.ts';
import { layoutView } from './layout.ts';
import { emptyView, foldView } from './model.ts';
import { anyEvent, BROKER_LOSS, INTERRUPTED, type Timed, viewAt } from './view-fixture.ts';

const frame = (
  events: readonly Timed[],
  drill: string,
  atMs: number,
  [columns, rows, unicode = true]: readonly [columns: number, rows: number, unicode?: boolean],
): string =>
  layoutView(viewAt(events, drill, atMs), atMs, { columns, rows, unicode })
    .map((spans) => paintLine(spans, { color: false, unicode, columns }).trimEnd())
    .join('\n');

describe('a frame of the loss of a broker', () => {
  it.each([
    ['preflight', 4000],
    ['baseline', 16_000],
    ['fault, waiting for leaders', 23_000],
    ['fault, back inside SLO', 27_150],
    ['restore', 32_500],
    ['after', 35_000],
    ['final reads', 39_000],
    ['verdict', 41_500],
  ])('in %s, 80 × 24', (_, atMs) => {
    expect(frame(BROKER_LOSS, 'kafka-broker-loss', atMs, [80, 23])).toMatchSnapshot();
  });

  it.each([
    ['small', [40, 14]],
    ['wide', [160, 50]],
    ['plain ASCII', [80, 23, false]],
    ['with room for nothing but the phase and the key', [40, 4]],
  ] as const)('that is %s', (_, screen) => {
    expect(frame(BROKER_LOSS, 'kafka-broker-loss', 23_000, screen)).toMatchSnapshot();
  });
});

describe('a frame of a switchover', () => {
  it.each([
    ['preflight', 2000],
    ['baseline', 8500],
    ['the steps of its fault', 9450],
    ['the key was hit', 9550],
    ['everything is being put back', 9800],
  ])('when %s, 80 × 24', (_, atMs) => {
    expect(frame(INTERRUPTED, 'postgres-switchover', atMs, [80, 23])).toMatchSnapshot();
  });
});

describe('the layout', () => {
  it('says at every size what the abort key does and which phase goes on', () => {
    for (const screen of [
      [80, 23],
      [40, 14],
      [40, 4],
    ] as const) {
      const text = frame(BROKER_LOSS, 'kafka-broker-loss', 23_000, screen).replaceAll('\n', ' ');
      expect(text).toContain('> fault');
      expect(text).toContain('Ctrl-C or q: stop, put everything back');
    }
  });

  it('is plain ASCII where the terminal is not UTF-8', () => {
    for (const [atMs] of BROKER_LOSS)
      expect(frame(BROKER_LOSS, 'x', atMs, [80, 23, false])).toMatch(/^[\n\x20-\x7e]*$/);
  });

  it('never has more rows or columns than there are, nor a letter that moves the cursor, for any events', () => {
    const screens = fc.record({ columns: fc.nat(200), rows: fc.nat(60), unicode: fc.boolean() });
    const events = fc.array(fc.tuple(fc.nat(1e6), anyEvent), { maxLength: 40 });
    fc.assert(
      fc.property(events, screens, fc.nat(2e6), (told, screen, nowMs) => {
        const view = told.reduce((known, [at, event]) => foldView(known, event, at), emptyView('any', 0));
        const lines = layoutView(view, nowMs, screen);
        expect(lines.length).toBeLessThanOrEqual(screen.rows);
        for (const spans of lines) {
          const text = paintLine(spans, { color: false, unicode: screen.unicode, columns: screen.columns });
          expect(widthOfSpans(spans)).toBeLessThanOrEqual(screen.columns);
          expect(widthOf(text)).toBe([...text].length);
          expect(text).not.toMatch(/\p{Cc}/u);
        }
      }),
      { numRuns: 300 },
    );
  });
});
