import { spawn } from 'node:child_process';
import { $, type ProcessOutput, type ProcessPromise } from 'zx';
import { UpliftError } from '../core/error.ts';
import { noteUnderWay } from './under-way.ts';

export interface CommandOptions {
  /** What it is for, in the words of an error message: "initdb", "format of Kafka's storage". */
  readonly what: string;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly timeoutMs: number;
  readonly input?: string;
  /** Never repeated in an error, whatever the program prints: Postgres shows the statement that failed. */
  readonly secrets?: readonly string[];
  readonly owner?: { readonly uid: number; readonly gid: number };
  readonly signal?: AbortSignal;
  /** Folder of the sandbox that it works on: a `down` from elsewhere must be able to end it. */
  readonly noteIn?: string;
}

const SHOWN_LINES = 8;

/**
 * The shell waits for one line before it becomes the program: its pid is noted first, and when we die in between the
 * read ends and nothing is left behind.
 */
const GATE = 'read -r go && exec ';

/** Runs one short-lived program to its end and returns its standard output; failure or timeout is UPL-SANDBOX-START. */
export async function runCommand(argv: readonly string[], options: CommandOptions): Promise<string> {
  const { owner, signal } = options;
  signal?.throwIfAborted();
  const spawnAs: typeof spawn = ((file: string, args: string[], given: object) =>
    spawn(file, args, { ...given, ...owner })) as typeof spawn;
  const running = $({
    quiet: true,
    nothrow: true,
    cwd: options.cwd,
    // bash reads ~/.bashrc when its input is a socket (Node's pipes are) and it thinks it is the first shell.
    env: { ...options.env, SHLVL: '1' },
    prefix: GATE,
    timeout: options.timeoutMs,
    timeoutSignal: 'SIGKILL',
    spawn: spawnAs,
    ...(signal === undefined ? {} : { signal }),
  })`${argv}`;
  const output = await throughGate(running, options);
  signal?.throwIfAborted();
  if (output.exitCode === 0) return output.stdout;
  const said = withoutSecrets(`${output.stdout}\n${output.stderr}`, options.secrets ?? []);
  const lines = said.split('\n').filter((line) => line.trim() !== '');
  const how =
    output.exitCode === null
      ? `was ended by ${output.signal ?? 'a signal'} (limit ${options.timeoutMs} ms)`
      : `failed with exit code ${output.exitCode}`;
  const shown = lines
    .slice(-SHOWN_LINES)
    .map((line) => `  ${line}`)
    .join('\n');
  throw new UpliftError('UPL-SANDBOX-START', {
    message: `${options.what} ${how}.${shown === '' ? '' : `\n${shown}`}`,
  });
}

async function throughGate(running: ProcessPromise, options: CommandOptions): Promise<ProcessOutput> {
  const { pid, stdin } = running;
  // EPIPE: it was ended before it read; its exit code tells.
  stdin.on('error', () => undefined);
  let forget: (() => Promise<void>) | undefined;
  try {
    if (options.noteIn !== undefined && pid !== undefined)
      forget = await noteUnderWay(options.noteIn, 'tool', pid);
    stdin.end(`go\n${options.input ?? ''}`);
    return await running;
  } finally {
    // Not let through: the read ends, and with it the shell.
    stdin.end();
    await running;
    await forget?.();
  }
}

function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce(
    (result, secret) => (secret === '' ? result : result.replaceAll(secret, '***')),
    text,
  );
}
