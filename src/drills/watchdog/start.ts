import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { procEntry } from '../../clients/process/proc-table.ts';
import type { Clock } from '../../core/clock.ts';
import { reasonOf, UpliftError } from '../../core/error.ts';
import { withDeadline } from '../../core/wait.ts';
import type { Watchdog } from '../engine/drill.ts';
import { BEAT_EVERY_MS, hear, LEASE_MS, lineAt } from './lease.ts';
import { type RunWord, watchdogWordOf } from './words.ts';

/** A watchdog that runs, as the command that ends it sees it. */
export interface StartedWatchdog extends Watchdog {
  /** The run came to its own end: the watchdog ends too, and nothing of it is left when this returns. Throws nothing. */
  finish(): Promise<void>;
}

export interface WatchdogRequest {
  /** The whole command line; its process must speak the words of `words.ts` over its IPC channel. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Gets everything that it prints. */
  readonly logFile: string;
  readonly clock: Pick<Clock, 'monoNs'>;
  readonly leaseMs?: number;
  readonly beatEveryMs?: number;
}

const READY_MS = 30_000;
const ENDS_MS = 3000;

/**
 * Starts the watchdog of this process as a session of its own, so that neither a closed terminal nor a signal to our
 * group reaches it, and beats from then on. Throws UPL-DRILL-UNWATCHED (15) unless it says that it watches.
 */
export async function startWatchdog(request: WatchdogRequest): Promise<StartedWatchdog> {
  let child: ChildProcess | undefined;
  try {
    const started = await spawnOne(request);
    child = started.child;
    await withDeadline('the watchdog ready', READY_MS, started.ready);
    return beating(child, request);
  } catch (cause) {
    child?.kill('SIGKILL');
    throw new UpliftError('UPL-DRILL-UNWATCHED', {
      message: `The watchdog of this drill did not start: ${reasonOf(cause)}. Nothing was touched.`,
      next: `cat ${request.logFile}`,
      cause,
    });
  }
}

interface Spawned {
  readonly child: ChildProcess;
  /** Settles once it has said that it watches, or has ended instead. */
  readonly ready: Promise<void>;
}

async function spawnOne({ argv, cwd, env, logFile }: WatchdogRequest): Promise<Spawned> {
  const own = await procEntry(process.pid);
  if (own === undefined) throw new Error('this process has no start time');
  const [program = '', ...args] = argv;
  const log = await open(logFile, 'a', 0o600);
  try {
    const child = spawn(program, args, {
      cwd,
      env: { ...env },
      detached: true,
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
    });
    // In the turn of its start, so that no word is missed. A channel that breaks later is told by its end.
    const ready = readyOf(child);
    ready.catch(() => undefined);
    child.on('error', () => undefined);
    say(child, { word: 'watch', pid: own.pid, startTime: own.startTime });
    return { child, ready };
  } finally {
    await log.close();
  }
}

async function readyOf(child: ChildProcess): Promise<void> {
  const stop = new AbortController();
  const { signal } = stop;
  try {
    await Promise.race([
      once(child, 'message', { signal }).then(([value]) => {
        if (watchdogWordOf(value)?.word !== 'ready')
          throw new Error('it said something else than that it watches');
      }),
      once(child, 'exit', { signal }).then(([code, by]) => {
        throw new Error(`it ended at once (${by ?? `exit ${code}`})`);
      }),
    ]);
  } finally {
    stop.abort();
  }
}

function beating(child: ChildProcess, request: WatchdogRequest): StartedWatchdog {
  const { clock, leaseMs = LEASE_MS, beatEveryMs = BEAT_EVERY_MS } = request;
  let line = lineAt(clock.monoNs());
  const take = (kind: 'beat' | 'closed' | 'look'): void => {
    line = hear(line, { kind, atNs: clock.monoNs() }, leaseMs);
  };
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.on('message', (value) => {
    if (watchdogWordOf(value)?.word === 'here') take('beat');
  });
  child.on('disconnect', () => take('closed'));
  let waiting = false;
  const beat = setInterval(() => {
    // One that reads no more gets no second beat while the first still waits.
    if (waiting) return;
    waiting = true;
    say(child, { word: 'beat' }, () => {
      waiting = false;
    });
  }, beatEveryMs);
  // Neither the beat nor the watchdog keeps a process that is done.
  beat.unref();
  child.unref();
  child.channel?.unref();
  return {
    pid: child.pid ?? 0,
    leaseMs,
    trouble: () => {
      take('look');
      if (line.state === 'gone') return 'its watchdog is gone: nobody would put things back';
      return line.state === 'silent'
        ? 'its watchdog does not answer: nobody would put things back'
        : undefined;
    },
    async finish() {
      clearInterval(beat);
      child.ref();
      say(child, { word: 'finished' });
      await withDeadline('the end of the watchdog', ENDS_MS, exited).catch(async () => {
        child.kill('SIGKILL');
        await withDeadline('the end of the watchdog', ENDS_MS, exited).catch(() => undefined);
      });
      if (child.connected) child.disconnect();
    },
  };
}

/** What the other end cannot hear any more is told by the channel's end, not by an error. */
function say(child: ChildProcess, word: RunWord, then: () => void = () => undefined): void {
  if (child.connected) child.send(word, then);
}
