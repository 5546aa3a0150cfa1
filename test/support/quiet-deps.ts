import { PassThrough } from 'node:stream';
import { systemClock } from '../../src/core/clock.ts';
import type { Deps } from '../../src/deps.ts';

/** What a command is given, for tests that open a platform as commands do: nothing is printed, nothing interrupts. */
export function quietDeps(config: string, stateDir: string, cwd: string): Deps {
  return {
    version: '0',
    clock: systemClock,
    env: {},
    cwd,
    program: [],
    globals: { config, stateDir, output: 'json', debug: false },
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    signal: new AbortController().signal,
    answerImpatience: () => undefined,
    progress: () => undefined,
  };
}
