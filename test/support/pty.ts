import { spawn } from 'node:child_process';
import { waitFor } from '../../src/core/wait.ts';
import { FakeTerminal } from '../../src/tui/testing/terminal.ts';
import { inheritedEnv } from './sandbox-cli.ts';

/** A command on a terminal, with somebody before it. */
export interface AtTerminal {
  /** What is seen there. */
  readonly screen: FakeTerminal;
  /** Nothing of a view is left behind: the cursor is seen, and lines and letters are taken as ever. */
  readonly isAsBefore: () => boolean;
  /** Different screens that were seen, oldest first. */
  readonly frames: readonly string[];
  readonly type: (keys: string) => void;
  /** Closes the window. */
  readonly hangUp: () => void;
  /** Waits until the screen shows this; fails, with what it shows, when the command ends before. */
  readonly sees: (pattern: RegExp, timeoutMs: number) => Promise<void>;
  /** Its exit code; 137 when the window was closed. */
  readonly ended: Promise<number>;
}

const COLUMNS = 80;
const ROWS = 24;
const HUNG_UP = 137;

/** A shell sets the size, which script(1) does not, and says in the end how the command left the terminal. */
function scriptOf(command: readonly string[]): readonly string[] {
  const inQuotes = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  // The shell outlives a Ctrl-C of its terminal, which the command gets as well.
  const line = `trap : INT; stty columns ${COLUMNS} rows ${ROWS}; ${inQuotes}; code=$?; stty -a; exit $code`;
  return process.platform === 'darwin' ? ['-q', '/dev/null', 'sh', '-c', line] : ['-qefc', line, '/dev/null'];
}

/** Starts a command on a pseudo-terminal of 80 × 24, coloured and UTF-8, as script(1) makes one. */
export function startAtTerminal(
  command: readonly string[],
  options: {
    readonly cwd: string;
    readonly env: Readonly<Record<string, string>>;
    readonly timeoutMs: number;
  },
): AtTerminal {
  const child = spawn('script', scriptOf(command), {
    cwd: options.cwd,
    env: { ...inheritedEnv(), TERM: 'xterm-256color', LANG: 'C.UTF-8', ...options.env },
    // Its input stays open: at its end script(1) would end the command.
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const screen = new FakeTerminal(COLUMNS, ROWS);
  const frames: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    screen.write(chunk);
    const seen = screen.lines().join('\n');
    if (frames.at(-1) !== seen) frames.push(seen);
  });
  child.stdin.on('error', () => undefined);
  const ended = new Promise<number>((resolve, reject) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs);
    child.once('error', reject);
    child.once('close', (exit) => {
      clearTimeout(timer);
      resolve(exit ?? HUNG_UP);
    });
  });
  return {
    ...{ screen, frames, ended },
    isAsBefore() {
      const settings = screen.lines().join(' ');
      return (
        screen.isCursorShown && ['icanon', 'echo', 'isig'].every((name) => settings.includes(` ${name} `))
      );
    },
    type: (keys) => void child.stdin.write(keys),
    hangUp: () => void child.kill('SIGKILL'),
    async sees(pattern, timeoutMs) {
      const text = (): string => screen.lines().join('\n');
      const seen = waitFor(async () => pattern.test(text()), {
        what: `${pattern} on the screen`,
        timeoutMs,
        intervalMs: 20,
      });
      const tooSoon = ended.then((exit) => {
        if (!pattern.test(text())) throw new Error(`exit ${exit} before ${pattern} was seen:\n${text()}`);
      });
      await Promise.race([seen, tooSoon]);
    },
  };
}
