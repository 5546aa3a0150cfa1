import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { procEntry } from '../../../clients/process/proc-table.ts';
import { waitFor } from '../../../core/wait.ts';

const RUN_PROGRAM = fileURLToPath(new URL('run-program.ts', import.meta.url));

/** A stand-in for a run, as its own process, with a watchdog that watches it. */
export interface StandIn {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly watchdogPid: number;
  /** Says a word to it; returns when it has done that. */
  tell(word: string): Promise<void>;
}

const WAIT_MS = 15_000;

export async function startStandIn(options: {
  readonly argv: readonly string[];
  readonly logFile: string;
  readonly leaseMs?: number;
  readonly beatEveryMs?: number;
}): Promise<StandIn> {
  const child = spawn(process.execPath, [RUN_PROGRAM, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  const heard = (text: string | RegExp): Promise<string> =>
    waitFor(async () => new RegExp(text).exec(said)?.[0], {
      what: `"${text}" said`,
      timeoutMs: WAIT_MS,
      intervalMs: 10,
    });
  const watched = await heard(/watched by \d+/);
  return {
    child,
    pid: child.pid ?? 0,
    watchdogPid: Number(watched.split(' ').at(-1)),
    async tell(word) {
      said = '';
      child.stdin.write(`${word}\n`);
      await heard(word === 'finish' ? 'over' : `${word.split(' ')[0]} done`);
    },
  };
}

/** Waits until a process is gone. */
export const isGone = (pid: number): Promise<boolean> =>
  waitFor(async () => (await procEntry(pid)) === undefined, {
    what: `pid ${pid} gone`,
    timeoutMs: WAIT_MS,
    intervalMs: 10,
  });

/** Ends one that a test has left, stopped or not. */
export async function endStandIn({ child, watchdogPid }: StandIn): Promise<void> {
  const over = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
  child.kill('SIGKILL');
  await over;
  await isGone(watchdogPid);
}
