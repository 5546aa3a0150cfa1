import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../core/wait.ts';
import { type Command, killGroup, runCommand } from './command.ts';
import { alive } from './tiny-units-fixture.ts';
import type { UnitProcess } from './unit.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'uplift-command-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const sh = (script: string, change: Partial<Command> = {}): Promise<Awaited<ReturnType<typeof runCommand>>> =>
  runCommand({
    what: 'a test',
    argv: ['/bin/sh', '-c', script],
    env: { PATH: '/usr/bin:/bin' },
    cwd: dir,
    timeoutMs: 10_000,
    ...change,
  });

const pidIn = async (name: string): Promise<number> =>
  waitFor(async () => Number(await readFile(join(dir, name), 'utf8')) || undefined, {
    what: `a pid in ${name}`,
    timeoutMs: 5000,
    intervalMs: 10,
  });

describe('running a command', () => {
  it('returns its exit code and what it printed, apart', async () => {
    const end = await sh('echo out; echo err >&2; exit 3');
    expect(end).toEqual({
      ...{ by: 'itself', exit: 3 },
      stdout: { text: 'out\n', cut: false },
      stderr: { text: 'err\n', cut: false },
    });
  });

  it('hands arguments on as they are: no shell reads them', async () => {
    const odd = ['$(id)', '; ls', '`id`', '*', "it's", ''];
    const end = await sh('', { argv: ['printf', '<%s>', ...odd] });
    expect(end.stdout.text).toBe(odd.map((each) => `<${each}>`).join(''));
  });

  it('gives it the environment that was declared and nothing of its own', async () => {
    const end = await sh('env', { env: { PATH: '/usr/bin:/bin', COLOUR: 'blue' } });
    const names = end.stdout.text.split('\n').map((line) => line.split('=')[0]);
    expect(names).toContain('COLOUR');
    expect(names).not.toContain('HOME');
  });

  it('says of a program that is missing, or is no program, what the shell says', async () => {
    expect(await sh('', { argv: ['no-such-program-here'] })).toMatchObject({ by: 'itself', exit: 127 });
    expect(await sh('', { argv: [dir] })).toMatchObject({ exit: 126 });
    await expect(sh('true', { cwd: join(dir, 'nowhere') })).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('keeps the end of endless output', async () => {
    const end = await sh('i=0; while [ $i -lt 4000 ]; do echo "line $i of many"; i=$((i+1)); done');
    expect(end.stdout.cut).toBe(true);
    expect(end.stdout.text.length).toBeLessThanOrEqual(16 * 1024);
    expect(end.stdout.text).toMatch(/line 3999 of many\n$/);
  });

  it('kills it past its time with all that it started, also what lost its parent', async () => {
    const script = '(sleep 60 & echo $! > orphan); sleep 60 & echo $! > child; trap "" TERM; wait';
    const end = await sh(script, { timeoutMs: 300 });
    expect(end).toMatchObject({ by: 'timeout', exit: null });
    for (const name of ['orphan', 'child']) {
      const pid = await pidIn(name);
      await waitFor(async () => !(await alive(pid)), { what: `${name} gone`, timeoutMs: 5000 });
    }
  });

  it('ends at once when it is asked to, and does not begin when it was asked before', async () => {
    const stop = new AbortController();
    const running = sh('echo $$ > own; sleep 60', { signal: stop.signal });
    const pid = await pidIn('own');
    stop.abort(new Error('Ctrl-C'));
    expect(await running).toMatchObject({ by: 'signal', exit: null });
    expect(await alive(pid)).toBe(false);
    await expect(sh('echo 1 > late', { signal: stop.signal })).rejects.toThrow('Ctrl-C');
    await expect(readFile(join(dir, 'late'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('leaves alone what a command leaves running, and does not wait for it', async () => {
    const before = performance.now();
    const end = await sh('sleep 60 & echo $! > left');
    expect(end).toMatchObject({ by: 'itself', exit: 0 });
    expect(performance.now() - before).toBeLessThan(5000);
    const pid = await pidIn('left');
    expect(await alive(pid)).toBe(true);
    process.kill(pid, 'SIGKILL');
  });

  it('runs nothing when its process cannot be recorded', async () => {
    const record = (): Promise<never> => Promise.reject(new Error('disk full'));
    await expect(sh('echo 1 > ran', { record })).rejects.toThrow('disk full');
    await expect(readFile(join(dir, 'ran'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('kills a group only by the process that was recorded', async () => {
    let started: UnitProcess | undefined;
    const running = sh('echo $$ > own; sleep 60', {
      record: async (each) => {
        started = each;
      },
    });
    const pid = await pidIn('own');
    if (started === undefined) throw new Error('nothing was recorded');
    expect(started.pid).toBe(pid);
    await killGroup({ ...started, startTime: 'another' });
    expect(await alive(pid)).toBe(true);
    await killGroup(started);
    expect(await running).toMatchObject({ by: 'itself', exit: null });
  });
});
