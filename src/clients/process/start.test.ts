import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tailLog, waitReady } from './ready.ts';
import { startUnit } from './start.ts';
import { statusOf } from './status.ts';
import { logged, STAY, tinyUnits } from './tiny-units-fixture.ts';
import { readUnit, readUnits, writeProcess } from './unit-files.ts';

const { dir, unitOf } = tinyUnits();

describe('unit files', () => {
  test('what is written is what is read, and state files are no units', async () => {
    const unit = await unitOf(STAY, { labels: { rack: 'az-a' }, uid: 12, gid: 13 });
    await writeProcess(unit, { pid: 4242, startTime: '7', startedAtMs: 1 });
    expect(await readUnits(join(dir(), 'units'))).toEqual([unit]);
    expect(await readUnit(join(dir(), 'units'), 'tiny')).toEqual(unit);
    expect((await readdir(join(dir(), 'units'))).sort()).toEqual(['tiny.json', 'tiny.state.json']);
  });

  test('no folder is no unit, a broken file and an unknown id are named', async () => {
    expect(await readUnits(join(dir(), 'nowhere'))).toEqual([]);
    await unitOf(STAY);
    await expect(readUnit(join(dir(), 'units'), 'other')).rejects.toMatchObject({
      code: 'UPL-USAGE',
      message: expect.stringContaining('tiny'),
    });
    await writeFile(join(dir(), 'units', 'bad.json'), '{}');
    await expect(readUnits(join(dir(), 'units'))).rejects.toMatchObject({ code: 'UPL-INPUT-INVALID' });
  });
});

describe('starting', () => {
  test('a unit runs with exactly its own environment, in its own session, and is found again by its file', async () => {
    const unit = await unitOf('console.log(JSON.stringify(process.env)); setInterval(() => {}, 1000)');
    expect(await statusOf(unit)).toEqual({ state: 'neverStarted' });
    const { pid } = await startUnit(unit);
    await logged(unit, 'COLOUR');
    const env = JSON.parse((await readFile(unit.logFile, 'utf8')).trim());
    expect(env).toMatchObject({ COLOUR: 'blue' });
    expect(
      Object.keys(env).filter((key) => !['COLOUR', 'PWD', 'OLDPWD', 'SHLVL', '_'].includes(key)),
    ).toEqual([]);
    const [again] = await readUnits(join(dir(), 'units'));
    expect(again && (await statusOf(again))).toMatchObject({ state: 'running', process: { pid } });
  });

  test('two starts at once give one process', async () => {
    const unit = await unitOf(STAY);
    const [a, b] = await Promise.all([startUnit(unit), startUnit(unit)]);
    expect(a).toEqual(b);
    expect((await readdir(join(dir(), 'units'))).sort()).toEqual(['tiny.json', 'tiny.state.json']);
  });

  test('the lock of a starter that died does not last', async () => {
    const unit = await unitOf(STAY);
    await writeFile(`${unit.stateFile}.lock`, `${process.pid} a-start-time-of-long-ago`);
    expect((await startUnit(unit)).pid).toBeGreaterThan(1);
  });

  test('a unit outlives the crash of its starter', async () => {
    const unit = await unitOf(STAY);
    const code = `
      const { startUnit } = await import(${JSON.stringify(new URL('./start.ts', import.meta.url).href)});
      await startUnit(${JSON.stringify(unit)}); console.log('started'); setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(parent.stdout, 'data');
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    expect(await statusOf(unit)).toMatchObject({ state: 'running' });
  });

  test('readiness is the probe, not the process', async () => {
    const unit = await unitOf(
      'setTimeout(() => require("node:http").createServer((q, s) => { s.statusCode = q.url === "/healthz" ? 200 : 404; s.end() }).listen(Number(process.env.PORT), "127.0.0.1"), 300)',
      {
        env: { PORT: String(await freePort()) },
      },
    );
    const url = `http://127.0.0.1:${unit.env.PORT}`;
    await startUnit(unit);
    await waitReady({ ...unit, ready: { kind: 'http', url: `${url}/healthz` } });
    await expect(
      waitReady({ ...unit, ready: { kind: 'http', url: `${url}/other` }, readyTimeoutMs: 300 }),
    ).rejects.toMatchObject({ code: 'UPL-SANDBOX-START' });
  });

  test('a program that dies fails at once, with its last words', async () => {
    const unit = await unitOf('console.error("disk full"); process.exit(3)');
    await startUnit(unit);
    const before = performance.now();
    await expect(waitReady(unit)).rejects.toMatchObject({
      code: 'UPL-SANDBOX-START',
      message: expect.stringMatching(/tiny ended before.*\n.*disk full/s),
    });
    expect(performance.now() - before).toBeLessThan(4000);
    expect((await statusOf(unit)).state).toBe('exited');
  });

  test('a program that does not exist says so in the same way', async () => {
    const unit = await unitOf('', { argv: ['/nowhere/redis-server'] });
    await startUnit(unit);
    await expect(waitReady(unit)).rejects.toMatchObject({
      message: expect.stringContaining('/nowhere/redis-server'),
    });
  });

  test('a wait for readiness can be given up', async () => {
    const unit = await unitOf(STAY);
    await startUnit(unit);
    await expect(waitReady(unit, { signal: AbortSignal.abort('SIGINT') })).rejects.toBe('SIGINT');
  });

  test('the end of a long log is read, not the whole', async () => {
    const unit = await unitOf('for (let i = 0; i < 50000; i++) console.log("line " + i)');
    await startUnit(unit);
    await logged(unit, 'line 49999');
    expect(await tailLog(unit, 2)).toEqual(['line 49998', 'line 49999']);
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
