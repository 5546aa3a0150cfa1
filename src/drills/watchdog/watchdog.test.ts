import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { procEntry } from '../../clients/process/proc-table.ts';
import { systemClock } from '../../core/clock.ts';
import { waitFor } from '../../core/wait.ts';
import { startWatchdog, type WatchdogRequest } from './start.ts';
import { endStandIn, isGone, type StandIn, startStandIn } from './testing/stand-in.ts';

const PROGRAM = fileURLToPath(new URL('testing/watchdog-program.ts', import.meta.url));
const LEASE_MS = 1500;

let dir = '';
const standIns: StandIn[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'watchdog-'));
});
afterEach(async () => {
  for (const one of standIns.splice(0)) await endStandIn(one);
  await rm(dir, { recursive: true, force: true });
});

const broken = (): boolean => existsSync(join(dir, 'broken'));
const said = (): Promise<string> => readFile(join(dir, 'log'), 'utf8');
const argv = (): string[] => [process.execPath, PROGRAM, dir, String(LEASE_MS)];

async function run(breaks = true): Promise<StandIn> {
  if (breaks) await writeFile(join(dir, 'broken'), '');
  const one = await startStandIn({ argv: argv(), logFile: join(dir, 'log'), beatEveryMs: 50 });
  standIns.push(one);
  return one;
}

// Each of these starts processes, on a machine that may be busy.
describe('a watchdog', { timeout: 60_000 }, () => {
  it('puts things back when its run is killed, and ends', async () => {
    const { child, watchdogPid } = await run();
    child.kill('SIGKILL');
    await isGone(watchdogPid);
    expect(broken()).toBe(false);
    expect(await said()).toBe('gone\n');
  });

  it('kills a run that was stopped with something to undo, and puts things back', async () => {
    const { child, pid, watchdogPid } = await run();
    child.kill('SIGSTOP');
    await isGone(watchdogPid);
    expect(await procEntry(pid)).toBeUndefined();
    expect(child.signalCode ?? 'SIGKILL').toBe('SIGKILL');
    expect(broken()).toBe(false);
    expect(await said()).toBe('silent\n');
  });

  it('leaves a stopped run that owes nothing to itself, and hears its end once it goes on', async () => {
    const one = await run(false);
    one.child.kill('SIGSTOP');
    await delay(LEASE_MS + 500);
    expect(await procEntry(one.pid)).toMatchObject({ stopped: true });
    expect(await procEntry(one.watchdogPid)).toBeDefined();
    one.child.kill('SIGCONT');
    await one.tell('finish');
    expect(await said()).toBe('finished\n');
  });

  it('lets a run live that works for less than its lease without a beat', async () => {
    const one = await run();
    await one.tell(`block ${LEASE_MS / 3}`);
    await one.tell(`block ${LEASE_MS / 3}`);
    await one.tell('finish');
    expect(broken()).toBe(true);
    expect(await said()).toBe('finished\n');
  });

  it('is gone when its run has said that it came to its own end, whatever is broken', async () => {
    const one = await run();
    await one.tell('finish');
    expect(await procEntry(one.watchdogPid)).toBeUndefined();
    expect(broken()).toBe(true);
  });

  it('leads a session of its own, out of reach of a terminal', async () => {
    const { watchdogPid } = await run();
    if (process.platform !== 'linux') return;
    // Fields 5 and 6 of proc(5) stat: process group and session.
    const fields = (await readFile(`/proc/${watchdogPid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
    expect(fields.slice(2, 4)).toEqual([String(watchdogPid), String(watchdogPid)]);
  });
});

describe('a run', { timeout: 60_000 }, () => {
  const request = (over: Partial<WatchdogRequest> = {}): WatchdogRequest => ({
    ...{ argv: argv(), cwd: dir, env: process.env, clock: systemClock },
    ...{ logFile: join(dir, 'log'), leaseMs: 400, beatEveryMs: 50, ...over },
  });

  it.each([
    ['gone', 'SIGKILL', /is gone/],
    ['stopped', 'SIGSTOP', /does not answer/],
  ] as const)('is told when its watchdog is %s', async (_, signal, trouble) => {
    const watchdog = await startWatchdog(request());
    expect(watchdog.trouble()).toBeUndefined();
    process.kill(watchdog.pid, signal);
    const told = waitFor(async () => watchdog.trouble(), {
      what: 'trouble',
      timeoutMs: 5000,
      intervalMs: 20,
    });
    expect(await told).toMatch(trouble);
    await watchdog.finish();
    expect(await procEntry(watchdog.pid)).toBeUndefined();
  });

  it('does not take time in which it looked at nothing for a silence of its watchdog', async () => {
    const watchdog = await startWatchdog(request({ leaseMs: 2500 }));
    await delay(600);
    expect(watchdog.trouble()).toBeUndefined();
    await watchdog.finish();
  });

  it.each([
    ['a program that is not there', ['/no/such/program']],
    ['a program that ends at once', [process.execPath, '-e', 'process.exit(3)']],
    ['a program that says something else', [process.execPath, '-e', 'process.send({ word: "here" })']],
  ])('is refused by %s', async (_, program) => {
    await expect(startWatchdog(request({ argv: program }))).rejects.toMatchObject({
      code: 'UPL-DRILL-UNWATCHED',
      exit: 15,
      message: expect.stringContaining('Nothing was touched.'),
    });
  });
});
