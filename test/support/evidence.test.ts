import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { failure, keepEvidence, seen, troubleIn } from './evidence.ts';
import { root } from './source-tree.ts';

const NAME = `proof-of-evidence-${process.pid}`;
afterEach(async () => {
  vi.restoreAllMocks();
  Object.assign(seen, { watched: false, begun: false, failed: [] });
  await rm(join(root, '.cache', 'failed', NAME), { recursive: true, force: true });
});

it('finds what services and servers call trouble, and leaves out what is as usual', () => {
  const text = [
    '{"level":30,"msg":"listening"}',
    '{"level":40,"msg":"a probe failed"}',
    '[2026-11-26 19:00:00,000] INFO [Partition reservations.events-5] ok',
    '[2026-11-26 19:00:01,000] WARN [RaftManager] no leader',
    '2026-11-26 19:00:02 UTC [7] FATAL:  the database system is shutting down',
  ].join('\n');
  expect(troubleIn(text).map((line) => /probe|leader|shutting/.exec(line)?.[0])).toEqual([
    'probe',
    'leader',
    'shutting',
  ]);
});

it('says no more than a person will read', () => {
  const lines = troubleIn(Array.from({ length: 100 }, (_, at) => `WARN ${at} ${'x'.repeat(999)}`).join('\n'));
  expect(lines).toHaveLength(25);
  expect(lines.at(-1)).toMatch(/^WARN 99 /);
  expect(Math.max(...lines.map((line) => line.length))).toBe(400);
});

it('keeps logs and journals of a sandbox, prints the trouble, and says what could not be kept', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'uplift-evidence-'));
  const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    await mkdir(join(folder, 'sandbox', 'logs'), { recursive: true });
    await writeFile(join(folder, 'sandbox', 'logs', 'commands-2.log'), '{"level":50,"msg":"it stalls"}\n');
    await keepEvidence('a broker loss', NAME, join(folder, 'sandbox'), join(folder, 'state'));
    const said = written.mock.calls.join('');
    expect(said).toContain(`evidence of a broker loss, sandbox ${NAME}`);
    expect(said).toContain(`logs are in .cache/failed/${NAME}`);
    expect(said).toMatch(/--- commands-2\.log\n.*it stalls/);
    // This one has had no runs.
    expect(said).toMatch(/keeping runs failed: /);
    const kept = join(root, '.cache', 'failed', NAME, 'logs', 'commands-2.log');
    expect(await readFile(kept, 'utf8')).toMatch(/it stalls/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

it('knows what failed: tests by name, or what stands before them; nothing where nobody looks', () => {
  expect(failure()).toBeUndefined();
  seen.watched = true;
  expect(failure()).toBe('what stands before the tests');
  seen.begun = true;
  expect(failure()).toBeUndefined();
  seen.failed.push('one', 'two');
  expect(failure()).toBe('one, two');
});
