import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { descendantsOf, type ProcEntry, procEntry } from '../../src/clients/process/proc-table.ts';
import { waitFor } from '../../src/core/wait.ts';
import { inheritedEnv } from '../support/sandbox-cli.ts';
import { root } from '../support/source-tree.ts';
import type { Point, PointSignal } from './plan.ts';

export interface Ended {
  readonly exit: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A Node program that is watched while it speaks. */
export interface Watched {
  readonly pid: number;
  readonly over: () => boolean;
  readonly said: () => { readonly stdout: string; readonly stderr: string };
  readonly kill: (signal: PointSignal) => void;
  readonly ended: Promise<Ended>;
}

/** Starts `node <args>` without a terminal, leader of its own group so that a signal reaches it alone. */
export function watch(
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> },
): Watched {
  const child = spawn(process.execPath, [...args], {
    cwd: options.cwd ?? root,
    env: { ...inheritedEnv(), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const text = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text.stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text.stderr += chunk;
  });
  let over = false;
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    // Not `close`: a child of a killed program keeps its pipes.
    child.once('exit', (exit, signal) => {
      over = true;
      // What it wrote last is still on its way to us.
      setImmediate(() => resolve({ exit, signal, ...text }));
    });
  });
  return {
    pid: child.pid ?? 0,
    over: () => over,
    said: () => text,
    kill: (signal) => void child.kill(signal),
    ended,
  };
}

const SECOND_AFTER_MS = 400;

/** What a signal did: how the program ended, how long that took, and whether it had ended before by itself. */
export interface Struck {
  readonly ended: Ended;
  readonly tookMs: number;
  readonly tooLate: boolean;
  /** Processes of the program that were alive when it was struck; they may outlive a SIGKILL. */
  readonly children: readonly ProcEntry[];
}

/** Waits the jitter, sends the signal (twice if the point says so) and waits for the end, at most `limitMs`. */
export async function strike(watched: Watched, point: Point, limitMs: number): Promise<Struck> {
  await pause(point.jitterMs);
  const children = watched.over() ? [] : await descendantsOf(watched.pid);
  const tooLate = watched.over();
  const struckMs = performance.now();
  watched.kill(point.signal);
  if (point.twice) {
    await Promise.race([watched.ended, pause(SECOND_AFTER_MS)]);
    if (!watched.over()) watched.kill(point.signal);
  }
  await waitFor(async () => watched.over(), { what: `the end of ${point.command}`, timeoutMs: limitMs });
  return { ended: await watched.ended, tookMs: Math.round(performance.now() - struckMs), tooLate, children };
}

/** Waits until none of them lives: what a killed program had started goes on to its own end. */
export async function gone(children: Struck['children'], timeoutMs: number): Promise<void> {
  const left = async (): Promise<boolean> => {
    const now = await Promise.all(children.map(({ pid }) => procEntry(pid)));
    return now.every((entry, at) => entry?.startTime !== children[at]?.startTime);
  };
  await waitFor(left, { what: 'the end of what the killed command had started', timeoutMs, intervalMs: 200 });
}
