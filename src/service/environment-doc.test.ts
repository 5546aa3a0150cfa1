import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parseEnv, VARIABLES } from './env.ts';

const PAGE = new URL('../../docs/service.md', import.meta.url);
const ROW = /^\| `([A-Z][A-Z0-9_]+)` \| ([GCPSM]+) \|([^|]*)\|/gm;
/** OpenTelemetry's own variables have a page of their own. */
const OWN_PAGE = /^OTEL_/;

interface Row {
  readonly name: string;
  readonly roles: string;
  readonly byDefault: string;
}

async function documented(): Promise<Row[]> {
  const section = (await readFile(PAGE, 'utf8')).split('\n## Environment\n')[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(ROW)].map(([, name = '', roles = '', byDefault = '']) => ({
    name,
    roles,
    byDefault: byDefault.trim().replaceAll('`', ''),
  }));
}

/** A default as the table writes it. */
function written(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.values(value).join('first' in value ? '-' : '/');
}

describe('the environment in docs/service.md', () => {
  it('names every variable that the service reads, once, and no other', async () => {
    const names = (await documented()).map(({ name }) => name);
    const read = VARIABLES.filter((name) => !OWN_PAGE.test(name));
    expect(names.toSorted()).toEqual(read.toSorted());
  });

  it('says of each what it is when it is not set', async () => {
    const defaults: Readonly<Record<string, unknown>> = parseEnv({});
    for (const { name, byDefault } of await documented())
      expect(byDefault === 'needed' ? '' : byDefault, name).toBe(written(defaults[name]));
  });

  it('is complete: nothing in the service reads the environment but parseEnv', async () => {
    const folder = new URL('./', import.meta.url);
    const files = await readdir(folder, { recursive: true });
    const sources = files.filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
    expect(sources.length).toBeGreaterThan(50);
    for (const name of sources) {
      const text = await readFile(new URL(name, folder), 'utf8');
      expect(text, name).not.toMatch(/process\.env|\benv\.(?!OTEL_)[A-Z][A-Z_]+|\benv\[/);
    }
  });
});
