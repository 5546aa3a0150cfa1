import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { duration, parseDurationMs } from './duration.ts';
import { findConfigFile, stateDirFor } from './find.ts';
import { formatPath, parsePath } from './path.ts';
import { resolveSecret } from './secret.ts';
import { editDistance, suggest } from './suggest.ts';

describe('durations', () => {
  it('are read to milliseconds', () => {
    expect(['500ms', '5s', '2m', '12h', '7d', '0s'].map((text) => duration.parse(text))).toEqual([
      500, 5_000, 120_000, 43_200_000, 604_800_000, 0,
    ]);
  });
  it('without a unit, with a fraction or beyond safe integers are refused', () => {
    for (const text of ['5', '', '1.5s', '-1s', '5 s', '5S', '999999999999d', '1e3s'])
      expect(parseDurationMs(text), text).toBeUndefined();
    expect(duration.safeParse(5).success).toBe(false);
  });
});

describe('paths', () => {
  it('are read back as they were written', () => {
    const part = fc.oneof(fc.nat(), fc.string());
    fc.assert(
      fc.property(fc.array(part), (path) => {
        expect(parsePath(formatPath(path))).toEqual(path);
      }),
    );
  });
  it('that are no paths give undefined', () => {
    for (const text of ['a..b', 'a[', 'a[x]', '.', 'a b']) expect(parsePath(text), text).toBeUndefined();
  });
});

/** The definition itself, exponential: optimal string alignment. */
function naiveDistance(a: string, b: string): number {
  if (a === '' || b === '') return a.length + b.length;
  const cost = a.at(-1) === b.at(-1) ? 0 : 1;
  const [a1, b1] = [a.slice(0, -1), b.slice(0, -1)];
  const swapped = a.length > 1 && b.length > 1 && a.at(-1) === b.at(-2) && a.at(-2) === b.at(-1);
  return Math.min(
    naiveDistance(a1, b) + 1,
    naiveDistance(a, b1) + 1,
    naiveDistance(a1, b1) + cost,
    swapped ? naiveDistance(a.slice(0, -2), b.slice(0, -2)) + 1 : Number.POSITIVE_INFINITY,
  );
}

describe('suggestions', () => {
  it('measure the distance as its definition does', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 6 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b)).toBe(naiveDistance(a, b));
      }),
    );
  });
  it('find what a typing hand meant and stay silent otherwise', () => {
    expect(suggest('broker', ['tls', 'brokers', 'sasl'])).toBe('brokers');
    expect(suggest('min_insync_replicas', ['minInsyncReplicas'])).toBe('minInsyncReplicas');
    expect(suggest('regoins', ['version', 'regions'])).toBe('regions');
    expect(suggest('zookeeper', ['brokers', 'tls'])).toBeUndefined();
  });
});

describe('finding uplift.yaml', () => {
  const find = (files: string[], over: Partial<Parameters<typeof findConfigFile>[0]> = {}): string =>
    findConfigFile({
      env: {},
      cwd: '/w',
      sandboxConfigs: [],
      exists: (path) => files.includes(path),
      ...over,
    });

  it('takes --config, then UPLIFT_CONFIG, then ./uplift.yaml, then the one sandbox', () => {
    const files = ['/w/f.yaml', '/w/e.yaml', '/w/uplift.yaml'];
    const env = { UPLIFT_CONFIG: 'e.yaml' };
    expect(find(files, { flag: 'f.yaml', env })).toBe('/w/f.yaml');
    expect(find(files, { env })).toBe('/w/e.yaml');
    expect(find(files, { sandboxConfigs: ['/s/uplift.yaml'] })).toBe('/w/uplift.yaml');
    expect(find([], { sandboxConfigs: ['/s/uplift.yaml'] })).toBe('/s/uplift.yaml');
  });
  it('never falls back from a named file that is not there, and never chooses between sandboxes', () => {
    const missing = { code: 'UPL-CONFIG-MISSING', exit: 78 };
    expect(() => find(['/w/uplift.yaml'], { flag: 'typo.yaml' })).toThrow(expect.objectContaining(missing));
    expect(() => find(['/w/uplift.yaml'], { env: { UPLIFT_CONFIG: 'typo.yaml' } })).toThrow(
      expect.objectContaining(missing),
    );
    const both = ['/s/a/uplift.yaml', '/s/b/uplift.yaml'];
    expect(() => find([], { sandboxConfigs: both })).toThrow(
      expect.objectContaining({ ...missing, next: both.map((p) => `--config ${p}`).join('\n') }),
    );
    expect(() => find([])).toThrow(
      expect.objectContaining({ next: expect.stringMatching(/uplift sandbox up[\s\S]*uplift init/) }),
    );
  });
  it('puts runs beside the file, and those of a sandbox into the state folder that holds it', () => {
    expect(stateDirFor({ cwd: '/w' })).toBe('/w/.uplift');
    expect(stateDirFor({ cwd: '/w', configFile: 'a/uplift.yaml' })).toBe('/w/a/.uplift');
    expect(stateDirFor({ cwd: '/w', configFile: '/x/.uplift/sandbox/one/uplift.yaml' })).toBe('/x/.uplift');
    expect(stateDirFor({ cwd: '/w', flag: 's', configFile: '/x/uplift.yaml' })).toBe('/w/s');
  });
});

describe('secrets', () => {
  const read = async (path: string): Promise<string> => {
    if (path === '/secret') return 's3cret\n';
    throw new Error('ENOENT');
  };
  it('come from the environment or a file, without the final line break', async () => {
    expect(await resolveSecret({ env: 'P' }, { P: 'x' }, read)).toBe('x');
    expect(await resolveSecret({ file: '/secret' }, {}, read)).toBe('s3cret');
  });
  it('that are absent are a configuration error that names where they should be', async () => {
    await expect(resolveSecret({ env: 'P' }, { P: '' }, read)).rejects.toMatchObject({
      code: 'UPL-CONFIG-INVALID',
      message: expect.stringContaining('P'),
    });
    await expect(resolveSecret({ file: '/none' }, {}, read)).rejects.toMatchObject({
      code: 'UPL-CONFIG-INVALID',
      exit: 78,
    });
    await expect(resolveSecret({ file: '/empty' }, {}, async () => '\n')).rejects.toMatchObject({
      code: 'UPL-CONFIG-INVALID',
    });
  });
});
