import { spawn } from 'node:child_process';
import { $ } from 'zx';
import { UpliftError } from '../core/error.ts';

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
}

const SHOWN_LINES = 8;

/** Runs one short-lived program to its end and returns its standard output; failure or timeout is UPL-SANDBOX-START. */
export async function runCommand(argv: readonly string[], options: CommandOptions): Promise<string> {
  const { owner, signal } = options;
  signal?.throwIfAborted();
  const spawnAs: typeof spawn = ((file: string, args: string[], given: object) =>
    spawn(file, args, { ...given, ...owner })) as typeof spawn;
  const output = await $({
    quiet: true,
    nothrow: true,
    cwd: options.cwd,
    // bash reads ~/.bashrc when its input is a socket (Node's pipes are) and it thinks it is the first shell.
    env: { ...options.env, SHLVL: '1' },
    prefix: 'exec ',
    timeout: options.timeoutMs,
    timeoutSignal: 'SIGKILL',
    spawn: spawnAs,
    ...(options.input === undefined ? {} : { input: options.input }),
    ...(signal === undefined ? {} : { signal }),
  })`${argv}`;
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

function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce(
    (result, secret) => (secret === '' ? result : result.replaceAll(secret, '***')),
    text,
  );
}
