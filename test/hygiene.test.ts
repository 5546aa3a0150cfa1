import { describe, expect, it } from 'vitest';
import { filesUnder, projectFiles, read } from './support/source-tree.ts';

const SOFT_LINES = 250;
const HARD_LINES = 400;

const files = projectFiles();
const code = files.filter((path) => /\.(ts|tsx|js|mjs)$/.test(path) || path === '.ci/run');
const isTest = (path: string): boolean => /\.test\.ts$|^test\//.test(path);

/** `path:line  text` of every line that matches; `unless` looks at the line and the one above it. */
function hits(paths: readonly string[], pattern: RegExp, unless?: RegExp): string[] {
  return paths.flatMap((path) => {
    const lines = read(path).split('\n');
    return lines.flatMap((line, at) => {
      const excused = unless?.test(`${lines[at - 1] ?? ''}\n${line}`) ?? false;
      return pattern.test(line) && !excused ? [`${path}:${at + 1}  ${line.trim().slice(0, 120)}`] : [];
    });
  });
}

describe('every source file', () => {
  const lengths = code.map((path) => ({ path, lines: read(path).split('\n').length - 1 }));

  it('is short enough to be one thing', () => {
    const long = lengths.filter(({ path, lines }) => lines > (isTest(path) ? HARD_LINES : SOFT_LINES));
    expect(long.map(({ path, lines }) => `${path}: ${lines} lines`)).toEqual([]);
  });

  it('exports by name only', () => {
    // Vitest asks for a default export; a declaration file describes somebody else's.
    const own = code.filter((path) => path !== 'vitest.config.ts' && !path.endsWith('.d.ts'));
    expect(hits(own, /^\s*export\s+default\b/)).toEqual([]);
  });

  it('has no unfinished work in it', () => {
    const words = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'].join('|')})\\b`);
    expect(hits(code, words)).toEqual([]);
  });

  it('runs all of its tests, or says in a comment why one is left out', () => {
    const leftOut = /\b(it|test|describe)\.(only|skip|todo)\b(?!\|)/;
    expect(
      hits(
        code.filter(isTest).filter((path) => path !== 'test/hygiene.test.ts'),
        leftOut,
        /\/\/ .*because/,
      ),
    ).toEqual([]);
  });
});

describe('the repository', () => {
  const texts = files.filter((path) => !/\.(png|jpg|ico|gz)$/.test(path));

  it('names no folder of the machine it was written on', () => {
    const homes = ['root', 'home', 'work', 'Users'].join('|');
    expect(hits(texts, new RegExp(`(^|[\\s"'\`=(:,])/(${homes})/\\w`))).toEqual([]);
  });

  it('names no package registry or mirror: every client knows its own', () => {
    const lock = read('package-lock.json');
    expect(lock.match(/"resolved":/g) ?? []).toEqual([]);
    const host = new RegExp(
      `https?://[^/\\s"']*(${['regis' + 'try', 'artifact', 'nexus', 'mirr' + 'or', 'repo1'].join('|')})[^/\\s"']*`,
    );
    expect(hits(texts, host)).toEqual([]);
  });

  it('pins exactly what speaks a wire protocol', () => {
    const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
    const wanted: Record<string, string> = { ...manifest.devDependencies, ...manifest.dependencies };
    const wire = ['kafkajs', '@platformatic/kafka', 'pg', 'ioredis'];
    expect(wire.filter((name) => !/^\d/.test(wanted[name] ?? ''))).toEqual([]);
  });
});

describe('the command tree', () => {
  const nouns = filesUnder('src/commands')
    .filter((path) => path.endsWith('/index.ts'))
    .map((path) => path.replace('/index.ts', ''));

  it('registers every command folder', () => {
    const registry = read('src/program.ts');
    expect(nouns.filter((noun) => !registry.includes(`./commands/${noun}/index.ts`))).toEqual([]);
  });

  it('has a noun for every folder but the shared one', () => {
    const folders = new Set(
      filesUnder('src/commands')
        .filter((path) => path.includes('/'))
        .map((path) => path.split('/')[0] ?? ''),
    );
    folders.delete('shared');
    expect([...folders].filter((folder) => !nouns.includes(folder))).toEqual([]);
  });
});

describe('the pinned Kafka', () => {
  it('has one version everywhere', () => {
    const pinned = /<kafka.version>(.+)<\/kafka.version>/.exec(read('scripts/kafka/pom.xml'))?.[1];
    expect(read('src/sandbox/binaries.ts')).toContain(`'${pinned}'`);
  });
});
