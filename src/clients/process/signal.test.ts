import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { waitFor } from '../../core/wait.ts';
import { procEntry } from './proc-table.ts';
import { killUnit, pauseUnit, resumeUnit, signalUnit, stopUnit } from './signal.ts';
import { startUnit } from './start.ts';
import { statusOf } from './status.ts';
import { alive, logged, STAY, tinyUnits } from './tiny-units-fixture.ts';
import { readProcess, writeProcess } from './unit-files.ts';

const STUBBORN =
  'process.on("SIGTERM", () => console.log("no")); setInterval(() => {}, 1000); console.log("up")';
const FAMILY = `
  const { spawn } = require('node:child_process');
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' });
  console.log('child ' + child.pid); setInterval(() => {}, 1000);`;

const { unitOf } = tinyUnits();

describe('signals', () => {
  test('a polite stop ends it; stopping twice is harmless', async () => {
    const unit = await unitOf(STAY);
    const { pid } = await startUnit(unit);
    expect(await stopUnit(unit)).toBe('stopped');
    expect(await alive(pid)).toBe(false);
    expect(await stopUnit(unit)).toBe('wasNotRunning');
  });

  test('who does not listen within the grace is killed', async () => {
    const unit = await unitOf(STUBBORN, { stop: { signal: 'SIGTERM', graceMs: 200 } });
    const { pid } = await startUnit(unit);
    await logged(unit, 'up');
    expect(await stopUnit(unit)).toBe('killed');
    expect(await alive(pid)).toBe(false);
  });

  test('a paused unit is seen as paused, goes on when resumed, and can be stopped while paused', async () => {
    const unit = await unitOf(STAY);
    const { pid } = await startUnit(unit);
    await pauseUnit(unit);
    expect(await statusOf(unit)).toMatchObject({ state: 'paused', process: { pid } });
    await resumeUnit(unit);
    expect((await statusOf(unit)).state).toBe('running');
    await pauseUnit(unit);
    expect(await stopUnit(unit)).toBe('stopped');
  });

  test('kill reaches children that lead sessions of their own, as Postgres backends do', async () => {
    const unit = await unitOf(FAMILY);
    const { pid } = await startUnit(unit);
    await logged(unit, 'child ');
    const child = Number(/child (\d+)/.exec(await readFile(unit.logFile, 'utf8'))?.[1]);
    expect(await alive(child)).toBe(true);
    await pauseUnit(unit);
    expect((await procEntry(child))?.stopped).toBe(true);
    await resumeUnit(unit);
    expect(await killUnit(unit)).toMatchObject({ pid });
    expect([await alive(pid), await alive(child)]).toEqual([false, false]);
    expect(await killUnit(unit)).toBeUndefined();
  });

  test('a reused pid reads as exited and is never signalled', async () => {
    const unit = await unitOf(STAY);
    const bystander = spawn(process.execPath, ['-e', STAY], { stdio: 'ignore' });
    await once(bystander, 'spawn');
    const pid = bystander.pid ?? 0;
    await writeProcess(unit, { pid, startTime: '1', startedAtMs: 1 });
    expect((await statusOf(unit)).state).toBe('exited');
    await expect(signalUnit(unit, 'SIGKILL')).rejects.toMatchObject({ code: 'UPL-UNIT-NOT-OURS', exit: 15 });
    await expect(pauseUnit(unit)).rejects.toMatchObject({ code: 'UPL-UNIT-NOT-OURS' });
    expect(await stopUnit(unit)).toBe('wasNotRunning');
    expect(await killUnit(unit)).toBeUndefined();
    expect(await alive(pid)).toBe(true);
    bystander.kill('SIGKILL');
    await once(bystander, 'exit');
  });

  test('a unit started again since is not the one that was meant', async () => {
    const unit = await unitOf(STAY);
    const first = await startUnit(unit);
    await stopUnit(unit);
    const second = await startUnit(unit);
    await expect(signalUnit(unit, 'SIGKILL', { expect: first })).rejects.toMatchObject({
      code: 'UPL-UNIT-NOT-OURS',
    });
    expect((await statusOf(unit)).state).toBe('running');
    await signalUnit(unit, 'SIGCONT', { expect: second });
    expect(await readProcess(unit)).toEqual(second);
  });

  test('a kill meets the process that was looked at, not one that was started in between', async () => {
    const unit = await unitOf(STAY);
    const first = await startUnit(unit);
    // The one that was looked at ends before its signal, and the unit is started again.
    const restarted = async (): Promise<void> => {
      process.kill(first.pid, 'SIGKILL');
      await waitFor(async () => !(await alive(first.pid)), { what: 'it is gone', timeoutMs: 5000 });
      await startUnit(unit);
    };
    await expect(killUnit(unit, { looked: restarted })).rejects.toMatchObject({ code: 'UPL-UNIT-NOT-OURS' });
    expect((await statusOf(unit)).state).toBe('running');
  });

  test('a kill of a process that ended in between, and was not started again, is done', async () => {
    const unit = await unitOf(STAY);
    const first = await startUnit(unit);
    const ended = async (): Promise<void> => {
      process.kill(first.pid, 'SIGKILL');
      await waitFor(async () => !(await alive(first.pid)), { what: 'it is gone', timeoutMs: 5000 });
    };
    expect(await killUnit(unit, { looked: ended })).toEqual(first);
  });

  test('a unit that was never started is refused', async () => {
    await expect(signalUnit(await unitOf(STAY), 'SIGTERM')).rejects.toMatchObject({
      code: 'UPL-UNIT-NOT-OURS',
    });
  });
});
