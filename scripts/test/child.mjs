import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { root } from '../setup/paths.mjs';

const GRACE_MS = 20_000;
let child;
let signalled;

/** From now on SIGINT, SIGTERM and SIGHUP reach the running stage; answers a function that says which one came. */
export function forwardSignals() {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      signalled ??= signal;
      child?.kill(signal);
    });
  }
  return () => signalled;
}

export const signalExit = (signal) => 128 + constants.signals[signal];

/** Runs a tool in full view; answers its exit code, 124 when it was stopped at its time limit. */
export function runVisibly(program, args, limitMs) {
  return new Promise((resolve) => {
    let late = false;
    child = spawn(program, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    const limit = setTimeout(() => {
      late = true;
      process.stdout.write(`Stopped at its limit of ${limitMs / 60_000} minutes.\n`);
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), GRACE_MS).unref();
    }, limitMs);
    const finish = (code) => {
      clearTimeout(limit);
      resolve(late ? 124 : code);
    };
    child.on('error', (error) => {
      process.stdout.write(`${program}: ${error.message}\n`);
      finish(127);
    });
    child.on('exit', (code, signal) => finish(code ?? signalExit(signal)));
  });
}
