import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const MAIN = new URL('./main.ts', import.meta.url).href;
const BIN = new URL('../bin/uplift.js', import.meta.url).pathname;
let folder = '';
let script = '';

/** A command tree of its own in front of the real main: what is tested is main, as a process. */
const NOUN = `
import { main } from '${MAIN}';
const blocks = [{ kind: 'verdict', mark: 'bad', text: 'DEVIATED.' }, { kind: 'text', text: 'seen' }];
const action = async (deps, { what }) => {
  if (what === 'fail') return { exit: 10, kind: 'x', data: { lost: 4n, rows: [{ a: 1 }, { a: 2 }] }, blocks };
  if (what === 'bug') throw new TypeError('no such thing');
  if (what === 'late-bug') { setTimeout(() => { throw new Error('from a timer'); }, 10); }
  if (what === 'big') return { exit: 0, kind: 'x', data: {}, blocks: [{ kind: 'text', text: 'line\\n'.repeat(200000) }] };
  if (what === 'tells') deps.answerImpatience('HOW IT ENDED');
  deps.stderr.write('READY\\n');
  await new Promise((done) => { const alive = setInterval(() => undefined, 1000); deps.signal.addEventListener('abort', () => { clearInterval(alive); done(); }); });
  if (what === 'throws') deps.signal.throwIfAborted();
  deps.stderr.write('RESTORING\\n');
  await new Promise((done) => setTimeout(done, 400));
  deps.stderr.write('RESTORED\\n');
  if (what === 'not-restored') return { exit: 16, kind: 'x', data: {}, blocks: [] };
  return { exit: 0, kind: 'x', data: {}, blocks: [{ kind: 'text', text: 'whole result' }] };
};
const noun = (program, run) => program.command('do').argument('<what>').action((what) => run(async () => action, { what }));
await main(process.argv.slice(2), [noun]);
`;

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(
  argv: readonly string[],
  env: Record<string, string> = {},
  cwd = folder,
): { child: ChildProcess; err: () => string; ended: Promise<Ended> } {
  const child = spawn(process.execPath, argv, {
    env: { PATH: process.env.PATH ?? '', LANG: 'C.UTF-8', ...env },
    cwd,
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  const ended = new Promise<Ended>((done) => child.on('close', (code) => done({ code, out, err })));
  return { child, err: () => err, ended };
}

const run = (...args: string[]): Promise<Ended> => start([script, ...args]).ended;

async function seen(err: () => string, word: string): Promise<void> {
  await expect.poll(err, { timeout: 60_000, interval: 20 }).toContain(word);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'main-'));
  script = join(folder, 'script.mjs');
  await writeFile(script, NOUN);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

// Each of these starts processes, on a machine that may be busy with servers.
describe('main', { timeout: 120_000 }, () => {
  it('prints the result, the verdict with its exit code last, and ends with that code', async () => {
    expect(await run('do', 'fail')).toEqual({ code: 10, out: 'seen\n\nDEVIATED.  exit 10\n', err: '' });
    const json = await run('do', 'fail', '--output', 'json');
    expect(JSON.parse(json.out)).toEqual({
      schemaVersion: 1,
      kind: 'x',
      exit: 10,
      lost: '4',
      rows: [{ a: 1 }, { a: 2 }],
    });
    const ndjson = await run('-o', 'ndjson', 'do', 'fail');
    expect(
      ndjson.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { type: 'rows', a: 1 },
      { type: 'rows', a: 2 },
      { type: 'summary', schemaVersion: 1, kind: 'x', exit: 10, lost: '4' },
    ]);
  });

  it('calls anything unexpected a bug, with a stack only under --debug', async () => {
    const plain = await run('do', 'bug');
    expect(plain.code).toBe(1);
    expect(plain.err).toContain('This is a bug in uplift. exit 1');
    expect(plain.err).not.toContain('    at ');
    expect((await run('do', 'bug', '--debug')).err).toMatch(/TypeError: no such thing\n\s+at /);
  });

  it('refuses unknown verbs, flags and a missing verb with 64 and a suggestion', async () => {
    const verb = await run('doo', 'fail');
    expect(verb).toMatchObject({ code: 64, out: '' });
    expect(verb.err).toMatch(
      /unknown command 'doo'. Did you mean do\? +UPL-USAGE {2}exit 64\nNext: uplift --help\n/,
    );
    expect((await run('do', 'fail', '--outptu', 'json')).err).toContain('Did you mean --output?');
    expect(await run('--debug')).toMatchObject({
      code: 64,
      err: expect.stringContaining('uplift needs a command: do.'),
    });
    expect(await run('do', 'fail', '--output', 'xml')).toMatchObject({ code: 64 });
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('lets a command restore after %s, prints its result and ends with %i', async (signal, code) => {
    const { child, err, ended } = start([script, 'do', 'wait']);
    await seen(err, 'READY');
    child.kill(signal);
    expect(await ended).toMatchObject({ code, out: 'whole result\n', err: 'READY\nRESTORING\nRESTORED\n' });
  });

  it.each([
    ['wait', /kill -9 \d+\n/],
    ['tells', /^HOW IT ENDED$/m],
  ])('answers a second Ctrl-C with a line and goes on restoring (%s)', async (what, answer) => {
    const { child, err, ended } = start([script, 'do', what]);
    await seen(err, 'READY');
    child.kill('SIGINT');
    await seen(err, 'RESTORING');
    child.kill('SIGINT');
    const { code, err: text } = await ended;
    expect(code).toBe(130);
    expect(text).toMatch(answer);
    expect(text).toContain('RESTORED');
  });

  it('lets "not restored" outrank the signal, and takes an abort that was thrown for no bug', async () => {
    const left = start([script, 'do', 'not-restored']);
    await seen(left.err, 'READY');
    left.child.kill('SIGINT');
    expect((await left.ended).code).toBe(16);
    const thrown = start([script, 'do', 'throws']);
    await seen(thrown.err, 'READY');
    thrown.child.kill('SIGTERM');
    expect(await thrown.ended).toMatchObject({ code: 143, err: 'READY\nStopped: SIGTERM.\n' });
  });

  it('still restores after an exception nobody awaited, and ends with 1', async () => {
    const { code, err } = await run('do', 'late-bug');
    expect(code).toBe(1);
    expect(err).toContain('Unexpected: from a timer');
    expect(err).toContain('RESTORED');
  });

  it('survives a reader that closes the pipe, and calls a full disk 74', async () => {
    const closed = start([
      '-e',
      `require('node:child_process').spawnSync('sh', ['-c', '"${process.execPath}" "${script}" do big | head -1; echo "status $?"'], { stdio: 'inherit' })`,
    ]);
    expect(await closed.ended).toMatchObject({ out: 'line\nstatus 0\n', err: '' });
    if (process.platform !== 'linux') return;
    const full = start([
      '-e',
      `process.exitCode = require('node:child_process').spawnSync('sh', ['-c', '"${process.execPath}" "${script}" do fail > /dev/full'], { stdio: 'inherit' }).status`,
    ]);
    expect(await full.ended).toMatchObject({ code: 74, err: expect.stringContaining('ENOSPC') });
  });
});

describe('the binary', { timeout: 120_000 }, () => {
  it('prints version and help on stdout with 0', async () => {
    expect(await start([BIN, '--version']).ended).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      err: '',
    });
    expect((await start([BIN, '-V']).ended).out).toBe((await start([BIN, '--debug', '-V']).ended).out);
    expect(await start([BIN, '--help']).ended).toMatchObject({
      code: 0,
      out: expect.stringContaining('init'),
    });
  });

  it('alone says what to type first, and what else once there is a configuration', async () => {
    const place = await mkdtemp(join(folder, 'alone-'));
    const alone = (): Promise<Ended> => start([BIN], {}, place).ended;
    const nothing = await alone();
    expect(nothing).toMatchObject({ code: 0, err: '' });
    expect(nothing.out).toContain('uplift sandbox up ');
    expect(nothing.out).toContain('uplift init ');
    await start([BIN, 'init'], {}, place).ended;
    const configured = await alone();
    expect(configured).toMatchObject({ code: 0, out: expect.stringContaining('There is uplift.yaml') });
    expect(configured.out).not.toContain('uplift init');
  });

  it('writes a configuration that it then accepts, and never overwrites it', async () => {
    expect(await start([BIN, 'init']).ended).toMatchObject({ code: 0 });
    expect(await start([BIN, 'config', 'validate']).ended).toMatchObject({
      code: 0,
      out: expect.stringContaining('uplift.yaml is valid.\n'),
    });
    expect(await start([BIN, 'init']).ended).toMatchObject({ code: 74 });
    const shown = await start([BIN, 'config', 'show', '--origin'], { KAFKA_BROKERS: 'other:1' }).ended;
    expect(shown.out).toMatch(/regions\[0\]\.kafka\.brokers\[0\] +other:1 +KAFKA_BROKERS\n/);
    await writeFile(join(folder, 'bad.yaml'), 'version: 1\n');
    expect(await start([BIN, '--config', 'bad.yaml', 'config', 'validate']).ended).toMatchObject({
      code: 78,
    });
    const json = await start([BIN, '--config', 'bad.yaml', 'config', 'validate', '--output', 'json']).ended;
    expect(JSON.parse(json.out)).toMatchObject({
      kind: 'error',
      exit: 78,
      code: 'UPL-CONFIG-INVALID',
      findings: [{ id: 'UPL-CONFIG-MISSING-KEY' }, { id: 'UPL-CONFIG-MISSING-KEY' }],
    });
  });
});
