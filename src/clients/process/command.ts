import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { waitFor } from '../../core/wait.ts';
import { GATE, openGate } from './gate.ts';
import { stateOf } from './status.ts';
import type { UnitProcess } from './unit.ts';

/** A program that runs to its end, with no shell that reads its arguments. */
export interface Command {
  /** For messages: "kill of broker 2". */
  readonly what: string;
  readonly argv: readonly string[];
  /** Exactly this; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly timeoutMs: number;
  /** Ends it: its whole process group is killed. Absent: only its time does. */
  readonly signal?: AbortSignal | undefined;
  /** Told the process before the program begins. When it throws, nothing has run. */
  readonly record?: (started: UnitProcess) => Promise<void>;
}

export interface CommandEnd {
  /** `itself`; or it was killed, because its time was over or somebody asked for it. */
  readonly by: 'itself' | 'timeout' | 'signal';
  /** Null: a signal ended it. 127: the program was not found, 126: it may not be run (POSIX). */
  readonly exit: number | null;
  readonly stdout: Printed;
  readonly stderr: Printed;
}

export interface Printed {
  /** The last 16 KiB. */
  readonly text: string;
  /** There was more before it. */
  readonly cut: boolean;
}

const KEPT_BYTES = 16 * 1024;
const GONE_MS = 5000;
/** What a program left running may hold its output open for ever. */
const DRAIN_MS = 300;

/**
 * Runs a program as the leader of its own session and returns how it ended; only what keeps it from beginning is thrown.
 * What it leaves running is left alone, unless the program itself was killed: then its whole group was.
 */
export async function runCommand(command: Command): Promise<CommandEnd> {
  const { argv, env, cwd, timeoutMs, what, signal, record = async () => undefined } = command;
  signal?.throwIfAborted();
  const child = spawn('/bin/sh', ['-c', GATE, 'uplift', ...argv], {
    cwd,
    env: { ...env },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = [keep(child.stdout), keep(child.stderr)];
  const exited = once(child, 'exit');
  const closed = once(child, 'close');
  // Both may fail before anybody waits for them: what failed is thrown by the gate.
  exited.catch(() => undefined);
  closed.catch(() => undefined);
  try {
    const started = await openGate(child, what, record);
    const by = await firstOf(exited, timeoutMs, signal);
    if (by !== 'itself') await killGroup(started);
    await exited;
    await Promise.race([closed, waitDrained()]);
    return { by, exit: child.exitCode, stdout: stdout(), stderr: stderr() };
  } finally {
    release(child);
  }
}

/** SIGKILL to a session that `runCommand` made, by the pid of its leader; nothing where that is gone or another's by now. */
export async function killGroup(leader: UnitProcess): Promise<void> {
  if ((await stateOf(leader)) === 'exited') return;
  try {
    process.kill(-leader.pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
  await waitFor(async () => (await stateOf(leader)) === 'exited', {
    what: `process group ${leader.pid} gone`,
    timeoutMs: GONE_MS,
    intervalMs: 10,
  });
}

async function firstOf(
  exited: Promise<unknown>,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<CommandEnd['by']> {
  const done = new AbortController();
  const ends = [done.signal, ...(signal === undefined ? [] : [signal])];
  const timer = new Promise<CommandEnd['by']>((resolve) => {
    const late = setTimeout(() => resolve('timeout'), timeoutMs);
    const stop = (): void => {
      clearTimeout(late);
      resolve('signal');
    };
    const any = AbortSignal.any(ends);
    if (any.aborted) stop();
    else any.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([exited.then((): CommandEnd['by'] => 'itself'), timer]);
  } finally {
    done.abort();
  }
}

function keep(stream: Readable): () => Printed {
  let kept = Buffer.alloc(0);
  let cut = false;
  stream.on('error', () => undefined);
  stream.on('data', (chunk: Buffer) => {
    const all = Buffer.concat([kept, chunk]);
    cut ||= all.length > KEPT_BYTES;
    kept = all.subarray(-KEPT_BYTES);
  });
  return () => ({ text: kept.toString('utf8'), cut });
}

function waitDrained(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, DRAIN_MS).unref();
  });
}

function release(child: ChildProcess): void {
  child.stdin?.destroy();
  child.stdout?.destroy();
  child.stderr?.destroy();
  child.unref();
}
