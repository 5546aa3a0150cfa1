import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { ERRORS } from '../core/error-table.ts';
import { CONFIG_CODES } from './section.ts';

describe('docs/errors.md', () => {
  it('has one section per error code and configuration code, with the right exit code, and no dead one', async () => {
    const text = await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8');
    const sections = text
      .split(/^## /m)
      .slice(1)
      .map((section) => section.split('\n')[0] ?? '');
    const expected = [
      ...Object.entries(ERRORS).map(([code, { exit }]) => `${code} (exit ${exit})`),
      ...CONFIG_CODES,
    ];
    expect(sections.toSorted()).toEqual(expected.toSorted());
    for (const section of text.split(/^## UPL-/m).slice(1)) {
      expect(section, section.split('\n')[0]).toMatch(
        /\*\*What happened\.\*\* \S[\s\S]*\*\*Where to look\.\*\* \S[\s\S]*\*\*What to type\.\*\* \S/,
      );
    }
  });
});
