import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { root } from './source-tree.ts';

/** How one `uplift` process ended. */
export interface CliResult {
  readonly exit: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

export interface RunningCli {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Rejects, after a SIGKILL, when the process outlives its time. */
  readonly ended: Promise<CliResult>;
}

export interface CliOptions {
  /** Where it runs; a folder without an uplift.yaml of somebody else. */
  readonly cwd: string;
  /** Added to a small environment: nothing that the caller's shell says about uplift or Kafka gets through. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
}

const PASSED_ON = [
  'PATH',
  'HOME',
  'XDG_CACHE_HOME',
  'KAFKA_HOME',
  'JAVA_HOME',
  'UPLIFT_POSTGRES_BIN',
  'TMPDIR',
];

/** The small part of our own environment that a started command may know. */
export function inheritedEnv(): Record<string, string | undefined> {
  return Object.fromEntries(PASSED_ON.map((name) => [name, process.env[name]]));
}

/** Starts `node bin/uplift.js …` without a terminal, as a script would. */
export function startCli(args: readonly string[], options: CliOptions): RunningCli {
  const startedMs = performance.now();
  const child = spawn(process.execPath, [join(root, 'bin', 'uplift.js'), ...args], {
    cwd: options.cwd,
    env: { ...inheritedEnv(), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return {
    pid: child.pid ?? 0,
    kill: (signal) => void child.kill(signal),
    ended: outcomeOf(child, args, options.timeoutMs, startedMs),
  };
}

/** Runs a command to its end, whatever its exit code is. */
export function runCli(args: readonly string[], options: CliOptions): Promise<CliResult> {
  return startCli(args, options).ended;
}

function outcomeOf(
  child: ChildProcess,
  args: readonly string[],
  timeoutMs: number,
  startedMs: number,
): Promise<CliResult> {
  const text = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text.stdout += chunk;
  });
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text.stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.once('error', reject);
    child.once('close', (exit, signal) => {
      clearTimeout(timer);
      const tookMs = Math.round(performance.now() - startedMs);
      if (late) reject(new Error(`uplift ${args.join(' ')}: not within ${timeoutMs} ms\n${text.stderr}`));
      else resolve({ exit, signal, ...text, tookMs });
    });
  });
}

/** What every JSON document begins with. */
export interface Envelope {
  readonly schemaVersion: number;
  readonly kind: string;
  readonly exit: number;
}

/** The document of a failure. */
export interface ErrorDocument extends Envelope {
  readonly code: string;
  readonly message: string;
  readonly next: string | null;
  readonly findings: readonly {
    readonly id: string;
    readonly status: string;
    readonly summary: string;
    readonly next?: string;
    readonly promise?: { readonly text: string };
  }[];
}

/** Parses the one JSON document on stdout; says what was printed instead when there is none. */
export function documentOf<T extends object>({ exit, stdout, stderr }: CliResult): T & Envelope {
  try {
    return JSON.parse(stdout) as T & Envelope;
  } catch {
    throw new Error(`exit ${exit}, no JSON document on stdout:\n${stdout}\n${stderr}`);
  }
}
