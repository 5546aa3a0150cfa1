import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { procEntry } from '../clients/process/proc-table.ts';
import { sandboxDown } from './down.ts';
import { sandboxDir } from './layout.ts';
import { runCommand } from './run-command.ts';
import { endUnderWay, noteUnderWay, UNDER_WAY } from './under-way.ts';

const NAME = 'noted';
let stateDir = '';
let dir = '';
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'uplift-under-way-'));
  dir = sandboxDir(stateDir, NAME);
  await mkdir(dir, { recursive: true });
});
afterEach(() => rm(stateDir, { recursive: true, force: true }));

/** A process of its own that lives until it is told to end. */
async function stayer(program = 'setInterval(() => {}, 1000)') {
  const child = spawn(process.execPath, ['-e', `${program}; console.log("up")`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  const { pid = 0 } = child;
  return { pid, ended: once(child, 'exit') };
}

const options = () => ({
  what: 'A tool',
  env: { PATH: process.env.PATH ?? '' },
  cwd: '/',
  timeoutMs: 20_000,
  noteIn: dir,
});

test('down ends a tool that a killed up has left, and what the tool started', async () => {
  const tool = await stayer();
  await noteUnderWay(dir, 'tool', tool.pid);
  expect(await sandboxDown({ stateDir, name: NAME, progress: () => undefined })).toMatchObject({
    found: false,
  });
  expect((await tool.ended)[1]).toBe('SIGKILL');
  await expect(readdir(dir)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('down asks a running up to end, waits for it, and says that there was something', async () => {
  const up = await stayer(
    'process.on("SIGTERM", () => setTimeout(() => process.exit(143), 300)); setInterval(() => {}, 1000)',
  );
  await noteUnderWay(dir, 'up', up.pid);
  expect(await sandboxDown({ stateDir, name: NAME, progress: () => undefined })).toMatchObject({
    found: true,
  });
  expect(await procEntry(up.pid)).toBeUndefined();
  expect((await up.ended)[0]).toBe(143);
});

test('a pid that now belongs to somebody else is not touched, and its note goes', async () => {
  const other = await stayer();
  await noteUnderWay(dir, 'tool', other.pid);
  await writeFile(join(dir, 'under-way', `tool-${other.pid}`), 'another start time');
  expect(await endUnderWay(dir)).toBe(false);
  expect(await procEntry(other.pid)).toBeDefined();
  expect(await readdir(dir)).toEqual([]);
  process.kill(other.pid, 'SIGKILL');
});

test('this process, which takes itself back, is left alone', async () => {
  const forget = await noteUnderWay(dir, 'up', process.pid);
  expect(await endUnderWay(dir)).toBe(false);
  expect(await readdir(join(dir, 'under-way'))).toEqual([`up-${process.pid}`]);
  await forget();
  expect(await readdir(dir)).toEqual([]);
});

test('a tool is noted while it runs, gets its input, and its note goes with it', async () => {
  const seen = await runCommand(['sh', '-c', 'ls under-way | grep -c "^tool-"; cat'], {
    ...options(),
    cwd: dir,
    input: 'go on\n',
  });
  expect(seen).toBe('1\ngo on\n');
  expect(await readdir(dir)).toEqual([]);
});

test('a tool is not let through when the sandbox was taken away meanwhile', async () => {
  const trace = join(stateDir, 'ran');
  const started = runCommand(['touch', trace], { ...options(), noteIn: join(dir, 'gone', 'deeper') });
  await expect(started).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(readdir(stateDir)).resolves.not.toContain('ran');
});

test('notes that come and go side by side never lose their folder to each other', async () => {
  const one = async (pid: number): Promise<void> => {
    for (let round = 0; round < 60; round += 1) await (await noteUnderWay(dir, 'tool', pid))();
  };
  await Promise.all(Array.from({ length: 6 }, (_, index) => one(4_000_000 + index)));
  expect(await readdir(dir)).not.toContain(UNDER_WAY);
});
