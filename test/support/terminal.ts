import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { inheritedEnv } from './sandbox-cli.ts';
import { root } from './source-tree.ts';

/** `uplift …` on a terminal of its own, as script(1) makes one. */
export interface OnTerminal {
  /** Everything that it printed so far. */
  readonly said: () => string;
  /** The terminal is closed: the kernel hangs up on whoever runs on it, and writing to it fails from then on. */
  readonly close: () => void;
}

export function startOnTerminal(
  args: readonly string[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): OnTerminal {
  const command = [process.execPath, join(root, 'bin', 'uplift.js'), ...args];
  const inQuotes = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const flags =
    process.platform === 'darwin' ? ['-q', '/dev/null', ...command] : ['-qefc', inQuotes, '/dev/null'];
  const child = spawn('script', flags, {
    cwd: options.cwd,
    env: { ...inheritedEnv(), TERM: 'xterm', ...options.env },
    // Its input stays open: at its end script(1) would end the program.
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
  child.once('error', (error) => {
    said += error.message;
  });
  return { said: () => said, close: () => void child.kill('SIGKILL') };
}
