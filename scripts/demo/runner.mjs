import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { EXIT, exitForSignal, worstExit } from '../../src/core/exit.ts';
import { root } from '../setup/paths.mjs';

const KEPT_BYTES = 256 * 1024;
const GRACE_MS = 90_000;
/** A Ctrl-C reaches us from the terminal and once more from npm: one wish of one person. */
const SAME_SIGNAL_MS = 1_000;
const DRAIN_MS = 2_000;
const DEADLINE_EXIT = 13;

/** What a child may know of the user's shell. The demo must not be led to a real platform by an exported variable. */
const HARMLESS =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_\w+|TZ|TERM|COLORTERM|TMPDIR|XDG_\w+|JAVA_HOME|KAFKA_HOME|UPLIFT_POSTGRES_BIN|NO_COLOR|CI)$/;

/** Runs `uplift` commands one after the other, in full view, and keeps what they said. */
export function createRunner({ name, state }) {
  const steps = [];
  let child;
  let signalled;
  let cleaning = false;

  const lastAt = new Map();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      const again = Date.now() - (lastAt.get(signal) ?? 0) < SAME_SIGNAL_MS;
      lastAt.set(signal, Date.now());
      if (again) return;
      signalled ??= signal;
      if (cleaning) process.stderr.write('Ending the platform; this takes a few seconds.\n');
      else child?.kill(signal);
    });
  }

  async function run(planned) {
    const { args, why, limitMs } = planned;
    process.stdout.write(`\n# ${why}\n$ uplift ${args}\n`);
    const startedAt = Date.now();
    const heard = { text: '' };
    // A group of its own: Ctrl-C in the terminal reaches it through us only, and so exactly once.
    child = spawn(process.execPath, [join(root, 'bin', 'uplift.js'), ...args.split(' ')], {
      cwd: root,
      env: environment(name, state),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    tee(child.stdout, process.stdout, heard);
    tee(child.stderr, process.stderr, heard);
    const exit = await ended(child, limitMs);
    child = undefined;
    const step = {
      planned,
      args,
      why,
      exit,
      ms: Date.now() - startedAt,
      output: stripVTControlCharacters(heard.text).trimEnd(),
    };
    steps.push(step);
    process.stdout.write(`(exit ${exit}, ${(step.ms / 1000).toFixed(1)} s)\n`);
    return step;
  }

  return {
    steps,
    run,
    signal: () => signalled,
    /** The exit code so far. */
    exit: () => exitOf(steps, signalled),
    /** A step that signals do not reach. */
    cleanUp: (step) => {
      cleaning = true;
      return run(step);
    },
  };
}

/**
 * The exit code of a demo with these steps, by the precedence of every command: what could not be put back comes before
 * a signal, a signal before a step that refused or failed. A step that ended in no way of its own is a bug (1).
 */
export function exitOf(steps, signal) {
  const known = new Set(Object.values(EXIT));
  const codes = steps.map(({ exit }) => (known.has(exit) ? exit : EXIT.bug));
  return worstExit(signal === undefined ? codes : [...codes, exitForSignal(signal)]);
}

function environment(name, state) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => HARMLESS.test(key)));
  const colour = process.stdout.isTTY && env.NO_COLOR === undefined ? { FORCE_COLOR: '1' } : {};
  return {
    ...env,
    ...colour,
    UPLIFT_STATE_DIR: state,
    UPLIFT_CONFIG: `${state}/sandbox/${name}/uplift.yaml`,
  };
}

function tee(from, to, heard) {
  from.setEncoding('utf8');
  from.on('data', (text) => {
    to.write(text);
    if (heard.text.length < KEPT_BYTES) heard.text += text;
  });
}

/** The exit code of a child; past its limit it is told to stop, and after a grace made to. */
async function ended(child, limitMs) {
  const closed = new Promise((resolve) => child.once('close', resolve));
  let late = false;
  let kill;
  const limit = setTimeout(() => {
    late = true;
    process.stderr.write(`Stopped: not finished after ${limitMs / 60_000} minutes.\n`);
    child.kill('SIGTERM');
    kill = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
  }, limitMs);
  const exit = await new Promise((resolve) => {
    child.once('error', (error) => {
      process.stderr.write(`${error.message}\n`);
      resolve(1);
    });
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
  clearTimeout(limit);
  clearTimeout(kill);
  // The last of its output may still be in the pipe; a server that inherited the pipe must not keep us here.
  await Promise.race([closed, pause(DRAIN_MS, undefined, { ref: false })]);
  return late ? DEADLINE_EXIT : exit;
}
