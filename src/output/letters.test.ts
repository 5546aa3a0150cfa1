import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { harmless, toAscii, widthOf, wrap } from './letters.ts';
import { isCi, styleOf } from './style.ts';

describe('letters', () => {
  it('wrap without losing or adding anything but spaces', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 8, max: 40 }), (text, width) => {
        const lines = wrap(text, width);
        expect(lines.join('').replace(/\s/g, '')).toBe(text.replace(/\s/g, ''));
        const paths = text.split(/[\n ]/).filter((word) => /^\.{0,2}\/[^/]/.test(word));
        for (const line of lines) if (!paths.includes(line)) expect(widthOf(line)).toBeLessThanOrEqual(width);
      }),
    );
  });
  it('keep the indentation of a line that fits', () => {
    expect(wrap('{\n  "a": 1\n}', 40)).toEqual(['{', '  "a": 1', '}']);
  });
  it('are harmless and ASCII after their filters, whatever comes in', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0x10ffff })), (points) => {
        const text = String.fromCodePoint(...points);
        expect(harmless(text)).not.toMatch(/(?!\n)\p{Cc}/u);
        expect(toAscii(harmless(text))).toMatch(/^[\n\x20-\x7e]*$/);
      }),
    );
  });
});

describe('style', () => {
  const tty = { isTTY: true, columns: 120 };
  it('has colour on a terminal only, and listens to NO_COLOR, FORCE_COLOR and CI', () => {
    expect(styleOf(tty, {}).color).toBe(true);
    expect(styleOf({}, {}).color).toBe(false);
    expect(styleOf(tty, { NO_COLOR: '1' }).color).toBe(false);
    expect(styleOf(tty, { NO_COLOR: '' }).color).toBe(true);
    expect(styleOf(tty, { CI: 'true' }).color).toBe(false);
    expect(styleOf({}, { FORCE_COLOR: '1' }).color).toBe(true);
    expect(styleOf(tty, { FORCE_COLOR: '0' }).color).toBe(false);
    expect(styleOf(tty, { TERM: 'dumb' }).color).toBe(false);
    expect([isCi({}), isCi({ CI: '0' }), isCi({ CI: '1' })]).toEqual([false, false, true]);
  });
  it('takes Unicode from the locale and the width from the terminal, COLUMNS or 100', () => {
    expect(styleOf(tty, { LANG: 'de_DE.UTF-8' }, 'linux').unicode).toBe(true);
    expect(styleOf(tty, { LANG: 'de_DE.UTF-8', LC_ALL: 'C' }, 'linux').unicode).toBe(false);
    expect(styleOf(tty, {}, 'linux').unicode).toBe(false);
    expect(styleOf(tty, {}, 'darwin').unicode).toBe(true);
    expect(styleOf(tty, {}).columns).toBe(120);
    expect(styleOf({}, { COLUMNS: '88' }).columns).toBe(88);
    expect(styleOf({}, { COLUMNS: 'x' }).columns).toBe(100);
    expect(styleOf({ columns: 5 }, {}).columns).toBe(40);
  });
});

describe('a path', () => {
  it('is never broken: in pieces it could not be copied; other long words are cut', () => {
    const path = '/srv/uplift/runs/01a21636-b0bd-7612-b294-a9dff43018fd/history.ndjson';
    expect(wrap(`it is in ${path} now`, 20)).toEqual(['it is in', path, 'now']);
    expect(wrap('./runs/01a21636-b0bd-7612', 10)).toEqual(['./runs/01a21636-b0bd-7612']);
    expect(wrap('0123456789abcdef', 10)).toEqual(['0123456789', 'abcdef']);
  });
});
