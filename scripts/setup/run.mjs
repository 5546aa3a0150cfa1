import { spawn } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';

/** Enough of a tool's last words to explain its failure, never the whole of a long log. */
const TAIL_BYTES = 32 * 1024;
const GRACE_MS = 10_000;

const running = new Set();
let sheltered = 0;
let interruptedBy;

/** The signal that ended this set-up early, if one did. */
export const interruption = () => interruptedBy;

/** Passes a signal on to the running tools and remembers it; the caller cleans up on its way out. */
export function stopOnSignals() {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (sheltered > 0 && interruptedBy === undefined)
        process.stderr.write('  Finishing the installation first, then stopping.\n');
      interruptedBy ??= signal;
      for (const child of running) child.kill(signal);
    });
  }
}

export class Interrupted extends Error {}

/**
 * Runs one tool to its end and keeps the tail of what it said. Never throws for a failing tool: `code` is then not 0
 * (127: not found, 124: over its time limit). Throws `Interrupted` once a signal came. What must not be cut in the
 * middle is `uninterruptible`: out of reach of Ctrl-C, it runs to its end even then.
 */
export function run(
  command,
  args,
  { env = process.env, cwd, timeoutMs = 60_000, uninterruptible = false } = {},
) {
  if (interruptedBy !== undefined && !uninterruptible) throw new Interrupted();
  return new Promise((resolve, reject) => {
    let output = '';
    let late = false;
    let over = false;
    const keep = (chunk) => {
      output = (output + chunk).slice(-TAIL_BYTES);
    };
    const child = spawn(command, args, {
      env,
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: uninterruptible,
    });
    if (uninterruptible) sheltered += 1;
    else running.add(child);
    const limit = setTimeout(() => {
      late = true;
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), GRACE_MS).unref();
    }, timeoutMs);
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => finish(127, `${output}${error.message}`));
    child.on('close', (code) => finish(code ?? 1, output));
    function finish(code, text) {
      // A program that cannot be started may report both an error and its close.
      if (over) return;
      over = true;
      clearTimeout(limit);
      if (uninterruptible) sheltered -= 1;
      running.delete(child);
      if (interruptedBy !== undefined && !uninterruptible) reject(new Interrupted());
      else if (late) resolve({ code: 124, output: `${text}\nstopped after ${timeoutMs / 1000} s` });
      else resolve({ code, output: text });
    }
  });
}

/** The last lines of a tool's output, indented, for an error message. */
export function lastWords(output, lines = 12) {
  const said = stripVTControlCharacters(output)
    .split('\n')
    .filter((line) => line.trim() !== '');
  return said
    .slice(-lines)
    .map((line) => `    ${line}`)
    .join('\n');
}
